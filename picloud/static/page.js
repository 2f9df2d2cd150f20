// Comforts only: every page works without them.
document.querySelectorAll("nav [aria-current]").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 40; });
document.querySelectorAll("[data-with-script]").forEach((part) => { part.hidden = false; });
if (matchMedia("(max-width: 40rem)").matches) document.querySelectorAll("[data-closed-on-phones]").forEach((part) => { part.open = false; });
document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  const before = button.innerHTML;
  button.textContent = "Copied";
  setTimeout(() => { button.innerHTML = before; }, 1500);
});

// Ctrl-S saves from any field of text.
document.addEventListener("keydown", (event) => {
  const area = event.target.closest("textarea");
  if (!area?.form || event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  area.form.requestSubmit();
});

// The test panel: a real event is looked up and shown, so that it can be changed before it runs.
document.querySelector("[data-fill-event]")?.addEventListener("change", async (event) => {
  const { value, form, dataset } = event.target;
  if (!value) { form.elements.event.value = ""; return; }
  const answer = await fetch(dataset.fillEvent + value);
  if (!answer.ok) return;
  const run = await answer.json();
  form.querySelector("select[name=kind]").value = run.kind;
  form.elements.event.value = run.event ? JSON.stringify(run.event, null, 2) : "";
});

// Drafts are this browser's: they are named in the list of scripts, and forgotten with the sign-out.
const DRAFT = "draft:";
document.querySelectorAll("[data-drafts]").forEach((cell) => {
  if (!localStorage.getItem(DRAFT + cell.dataset.drafts)) return;
  const badge = document.createElement("span");
  badge.className = "badge calm";
  badge.textContent = "draft";
  cell.append(" ", badge);
});
document.querySelector("form.who")?.addEventListener("submit", () => {
  Object.keys(localStorage).filter((name) => name.startsWith(DRAFT)).forEach((name) => localStorage.removeItem(name));
});

// Every form can be shown as the API call that it stands for, with what is filled in. One's own account has no key's calls.
const calls = document.querySelector("form.who") && !/^\/(account|reauthenticate)/.test(location.pathname);
document.querySelectorAll("main form[method=post]").forEach((form) => {
  const buttons = form.querySelectorAll("button:not([type=button])");
  if (!calls || !buttons.length) return;
  document.querySelectorAll("[data-sample-call]").forEach((sample) => { sample.hidden = true; });
  const button = document.createElement("button");
  Object.assign(button, { name: "as_curl", value: "1", className: "plain curl", formNoValidate: true, textContent: "Show as curl" });
  if (form.closest("td")) {
    button.textContent = "curl";
    button.setAttribute("aria-label", `Show as curl: ${buttons[0].textContent.trim()}`);
  }
  const first = [...buttons].find((each) => !each.hasAttribute("formaction")) ?? buttons[0];
  first.parentElement.matches(".row") ? first.parentElement.append(button) : first.after(button);
});
document.addEventListener("submit", async (event) => {
  if (event.submitter?.name !== "as_curl") return;
  event.preventDefault();
  const answer = await fetch(event.target.action, { method: "POST", body: new FormData(event.target, event.submitter) });
  const shown = new DOMParser().parseFromString(await answer.text(), "text/html");
  const said = shown.getElementById("as-curl") ?? shown.querySelector("[role=alert]");
  const dialog = document.getElementById("shown");
  dialog.querySelector("div").replaceChildren(...(said ? [said] : []));
  dialog.querySelectorAll("[data-copy]").forEach((copy) => { copy.hidden = !navigator.clipboard; });
  dialog.showModal();
});

// Keys: `/` to the search, j and k along a list, Ctrl-K to anywhere, ? for what there is.
const typing = (target) => target.closest("input, textarea, select, [contenteditable=true]");

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.shiftKey && !event.altKey) {
    if (!document.getElementById("palette")) return;
    event.preventDefault();
    openPalette();
    return;
  }
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "/") focusSearch(event);
  if (event.key === "?") document.getElementById("keys")?.showModal();
  if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener?.dataset.open === "palette") openPalette(); else if (opener) document.getElementById(opener.dataset.open).showModal();
  // A click beside an open dialog closes it.
  if (event.target.matches("dialog[open]")) event.target.close();
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
});

function focusSearch(event) {
  const search = document.querySelector("main input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.closest("details")?.setAttribute("open", "");
  search.focus();
}

function walk(step) {
  const rows = [...document.querySelectorAll("main tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
  const at = rows.indexOf(document.activeElement);
  rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
}

let places = null;

async function openPalette() {
  const palette = document.getElementById("palette");
  const input = palette.querySelector("input");
  if (!palette.open) palette.showModal();
  input.value = "";
  input.focus();
  if (!places) {
    places = onThisPage();
    show();
    places = [...places, ...await elsewhere(palette.dataset.apps)];
  }
  show();
}

/** Where the page itself leads. */
function onThisPage() {
  const app = document.querySelector("nav.tabs")?.getAttribute("aria-label");
  return [...document.querySelectorAll("header nav a, nav.tabs a")].map((link) => ({
    href: link.getAttribute("href"), text: link.textContent.trim(), in: link.closest("nav.tabs") ? app : "PiCloud",
  }));
}

/** Apps, and the scripts of the first ones, as far as the API shows them to who is signed in. */
async function elsewhere(address) {
  const apps = await list(address);
  const here = location.pathname.split("/")[2];
  const near = [...apps.filter((app) => app.slug === here), ...apps.filter((app) => app.slug !== here)].slice(0, 8);
  const scripts = await Promise.all(near.map(async (app) => (await list(`${address}/${app.slug}/scripts`)).map((script) => ({
    href: `/apps/${app.slug}/scripts/${script.name}`, text: script.name, in: `script of ${app.name}`,
  }))));
  return [...apps.map((app) => ({ href: `/apps/${app.slug}`, text: app.name, in: "app" })), ...scripts.flat()];
}

async function list(address) {
  try {
    const answer = await fetch(`${address}?limit=200`);
    return answer.ok ? (await answer.json()).items : [];
  } catch {
    return [];
  }
}

/** A place is found by the letters of its name in their order. */
function matches(asked, place) {
  const name = `${place.text} ${place.in}`.toLowerCase();
  let at = 0;
  return [...asked.toLowerCase().replaceAll(" ", "")].every((letter) => (at = name.indexOf(letter, at) + 1) > 0);
}

function show() {
  const palette = document.getElementById("palette");
  const asked = palette.querySelector("input").value;
  const exact = (place) => place.text.toLowerCase().startsWith(asked.toLowerCase()) ? 0 : 1;
  const found = places.filter((place) => matches(asked, place)).sort((a, b) => exact(a) - exact(b)).slice(0, 12);
  palette.querySelector("ul").replaceChildren(...found.map(entry));
  palette.querySelector("[role=status]").textContent = found.length ? "" : "Nothing is called so.";
}

function entry(place) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const where = document.createElement("span");
  link.href = place.href;
  link.textContent = place.text;
  where.className = "soft";
  where.textContent = ` ${place.in}`;
  link.append(where);
  item.append(link);
  return item;
}

const palette = document.getElementById("palette");
palette?.querySelector("input").addEventListener("input", show);
palette?.addEventListener("keydown", (event) => {
  const links = [...palette.querySelectorAll("li a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "ArrowDown") { event.preventDefault(); links[Math.min(at + 1, links.length - 1)]?.focus(); }
  if (event.key === "ArrowUp") { event.preventDefault(); (at > 0 ? links[at - 1] : palette.querySelector("input")).focus(); }
  if (event.key === "Enter" && at < 0) { event.preventDefault(); links[0]?.click(); }
});

// Comforts only: every page works without them.
document.querySelectorAll("nav [aria-current]").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 40; });
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

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); }
  }
  if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("tbody tr a:first-of-type")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))]?.focus();
  }
});

// Tab indents in the editor; Escape, then Tab, leaves it. Ctrl-S saves.
document.addEventListener("keydown", (event) => {
  const area = event.target.closest("textarea");
  if (!area) return;
  if (event.key === "Escape") area.dataset.left = "1";
  if (event.key === "Tab" && !event.shiftKey && !area.dataset.left && area.id === "source") {
    event.preventDefault();
    area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");
  }
  if (event.key !== "Escape" && event.key !== "Tab") delete area.dataset.left;
  if (event.key === "s" && (event.ctrlKey || event.metaKey) && area.form) { event.preventDefault(); area.form.requestSubmit(); }
});

// What still waits is looked at again, for as long as the page is in view and for a minute at most.
const waiting = document.querySelector("[data-waits]");
if (waiting) {
  const since = Number(new URLSearchParams(location.hash.slice(1)).get("waits")) || Date.now();
  if (Date.now() - since < 60000) {
    setTimeout(() => {
      if (document.hidden) return;
      history.replaceState(null, "", "#waits=" + since);
      location.reload();
    }, Number(waiting.dataset.waits));
  }
}

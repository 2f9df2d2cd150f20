import htmx from "htmx.org";

// Pages are made for who looks at them, on the server: the browser's history goes back to that.
htmx.config.history = false;
// A refusal is a page of its own, and no part of this one; the next look may find things well again.
htmx.config.noSwap = [204, 304, "4xx", "5xx"];

// What waits is not looked at while nobody sees it.
document.addEventListener("htmx:before:request", (event) => { if (document.hidden) event.preventDefault(); });
// Who was signed out meanwhile goes where the answer went.
document.addEventListener("htmx:before:response", (event) => {
  if (!event.detail.ctx.response.raw.redirected) return;
  event.preventDefault();
  location.reload();
});

/** Puts what the page would now show in the place of one part of it; what has the focus or is open stays so. */
export function refresh(part) {
  return htmx.ajax("GET", location.pathname + location.search, { target: part, select: part, swap: "outerMorph" });
}

// What is typed and not saved yet: marked, kept in this browser for the next visit, and forgotten with the sign-out.
import { EditorView } from "@codemirror/view";

const PAUSE_MS = 400;

/** Marks and keeps what differs from what the page came with. */
export function drafts(area) {
  const badge = document.querySelector("[data-state]");
  if (!badge) return [];
  const came = { text: area.value, draft: badge.dataset.state === "draft", label: badge.textContent, look: badge.className };
  let source = area.value;
  let timer = 0;
  const mark = () => {
    clearTimeout(timer);
    const draft = came.draft || source !== came.text;
    badge.textContent = draft ? "draft" : came.label;
    badge.className = draft ? "badge calm" : came.look;
    keep(area, draft ? source : null);
  };
  if (came.draft) mark();
  area.form.addEventListener("submit", () => { if (source !== came.text) mark(); });
  return EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    source = update.state.doc.toString();
    clearTimeout(timer);
    timer = setTimeout(mark, PAUSE_MS);
  });
}

/** Offers what was typed at an earlier visit. Whoever saved since then is not overwritten: the draft's own tag goes with it. */
export function offerDraft(view, area) {
  const notice = document.querySelector("[data-kept-draft]");
  const kept = notice && JSON.parse(localStorage.getItem(key(area)));
  if (!kept || document.querySelector("[data-state=draft]")) return;
  if (kept.source === view.state.doc.toString()) return keep(area, null);
  notice.hidden = false;
  notice.querySelector("[data-take]").addEventListener("click", () => {
    area.form.elements.if_match.value = kept.tag;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: kept.source } });
    notice.hidden = true;
    view.focus();
  });
  notice.querySelector("[data-drop]").addEventListener("click", () => {
    keep(area, null);
    notice.hidden = true;
  });
}

function key(area) {
  return `draft:${new URL(area.form.action).pathname}`;
}

/** Without storage, or where it is full, there is no draft to come back to. */
function keep(area, source) {
  const value = source === null ? null : JSON.stringify({ source, tag: area.form.elements.if_match.value });
  try {
    if (value === null) localStorage.removeItem(key(area)); else localStorage.setItem(key(area), value);
  } catch { /* as said */ }
}

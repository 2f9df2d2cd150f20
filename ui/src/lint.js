// What the compiler says to the source as it stands: the API's own check, a moment after the last key.
import { linter } from "@codemirror/lint";

const PAUSE_MS = 500;

export function checked(area) {
  let asking = new AbortController();
  return linter(
    async (view) => {
      asking.abort();
      asking = new AbortController();
      const problems = await ask(area, view.state.doc.toString(), asking.signal);
      return problems.map((problem) => diagnostic(view.state.doc, problem));
    },
    { delay: PAUSE_MS },
  );
}

/** The problems; none where the check itself can't be had, which saving will say. */
async function ask(area, source, signal) {
  const form = area.form;
  const { name = form.elements.name?.value, kind = form.elements.kind?.value } = area.dataset;
  try {
    const answer = await fetch(area.dataset.check, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf_token.value },
      body: JSON.stringify({ name: name || null, kind, source }),
      signal,
    });
    return answer.ok ? (await answer.json()).problems : [];
  } catch {
    return [];
  }
}

/** Lines and columns count from 1; a column counts characters, as Python does, and not UTF-16. */
function diagnostic(doc, problem) {
  const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
  const before = [...line.text].slice(0, problem.column - 1).join("").length;
  const from = line.from + before;
  const word = /^\w+/.exec(line.text.slice(before));
  const to = Math.min(from + (word ? word[0].length : 1), line.to);
  return { from: Math.min(from, to), to, severity: "error", message: [problem.message, problem.hint].filter(Boolean).join(": ") };
}

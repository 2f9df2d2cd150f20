// The editor of a script: takes the place of the page's textarea, which stays the form's field and what there is without JavaScript.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
} from "@codemirror/view";
import { drafts, offerDraft } from "./draft.js";
import { checked } from "./lint.js";
import { look } from "./theme.js";

const area = document.getElementById("source");
if (area?.form && area.dataset.check) start(area);

function start(area) {
  const form = area.form;
  const view = new EditorView({ doc: area.value, extensions: [...language(), ...comforts(form), ...surroundings(area)] });
  area.after(view.dom);
  area.hidden = true;
  // A browser can't tell about a field that it does not show.
  area.required = false;
  document.querySelector(`label[for="${area.id}"]`).addEventListener("click", () => view.focus());
  form.addEventListener("formdata", (event) => event.formData.set(area.name, view.state.doc.toString()));
  offerDraft(view, area);
}

function language() {
  return [python(), indentUnit.of("    "), EditorState.tabSize.of(4), indentOnInput(), bracketMatching(), closeBrackets()];
}

function comforts(form) {
  const save = () => { form.requestSubmit(); return true; };
  return [
    lineNumbers(), foldGutter(), highlightSpecialChars(), history(), drawSelection(), dropCursor(),
    highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), autocompletion({ defaultKeymap: false }),
    keymap.of([
      // Escape lets go of Tab even while completions are looked for, whose own Escape would hide it from the editor.
      { key: "Escape", run: (view) => { view.setTabFocusMode(2000); return false; } },
      { key: "Mod-s", run: save, preventDefault: true },
      ...completionKeymap, ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap,
      ...lintKeymap, indentWithTab,
    ]),
  ];
}

function surroundings(area) {
  return [
    look, lintGutter(), checked(area), drafts(area),
    EditorView.cspNonce.of(document.querySelector("script[nonce]").nonce),
    EditorView.contentAttributes.of({ "aria-label": "Source", "aria-describedby": "source-keys", tabindex: "0", autocapitalize: "off", spellcheck: "false" }),
  ];
}

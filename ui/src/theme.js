// The page's own colours: so the editor is dark when the page is, and changes with it.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], color: "var(--code-name)", fontWeight: "600" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const surfaces = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--card)", border: "1px solid var(--soft)", borderRadius: ".4rem", fontSize: ".92rem" },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "1.5", maxHeight: "75vh" },
  ".cm-content, .cm-gutter": { minHeight: "18rem" },
  ".cm-content": { caretColor: "var(--text)", padding: ".5rem 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "var(--code)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--code-selection)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--good-back)", outline: "1px solid var(--good)" },
  ".cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--bad-back)", outline: "1px solid var(--bad)" },
  ".cm-selectionMatch, .cm-searchMatch": { backgroundColor: "var(--calm-back)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--code-selection)" },
  ".cm-panels, .cm-tooltip": { color: "var(--text)", backgroundColor: "var(--card)", borderColor: "var(--line)" },
  ".cm-panels .cm-button": { margin: ".2rem", color: "var(--accent)", background: "none", borderRadius: ".3rem" },
  ".cm-panels .cm-textfield": { width: "auto", minHeight: 0, color: "var(--text)", backgroundColor: "var(--page)", borderColor: "var(--soft)" },
  ".cm-panels button[name=close]": { margin: 0, padding: "0 .4rem", color: "var(--text)", backgroundColor: "transparent" },
  ".cm-panels label": { display: "inline-flex", alignItems: "center", gap: ".25rem", fontWeight: 400 },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { color: "var(--on-accent)", backgroundColor: "var(--accent)" },
  ".cm-foldPlaceholder": { color: "var(--soft)", backgroundColor: "var(--code)", borderColor: "var(--line)" },
});

export const look = [surfaces, syntaxHighlighting(colours)];

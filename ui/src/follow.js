// A delivery that waits is looked at again, for as long as the page is in view and for some minutes at most.
import { refresh } from "./htmx.js";

const PATIENCE_MS = 300000;

/** `looked` is called after each look. */
export function follow(looked) {
  const until = Date.now() + PATIENCE_MS;
  const part = document.querySelector("#live") ? "#live" : "#main";
  const next = () => {
    const waiting = document.querySelector("[data-waits]");
    if (waiting && Date.now() < until) setTimeout(look, Number(waiting.dataset.waits));
  };
  const look = async () => {
    // Nobody's typing is lost.
    const typing = document.activeElement?.closest(`${part} form`);
    if (!document.hidden && !typing) {
      await refresh(part);
      looked?.();
    }
    next();
  };
  next();
}

// A list of executions, live: the API's stream says that something ended, the page says how it looks.
import { refresh } from "./htmx.js";

const TOGETHER_MS = 700;
const CATCHING_UP_MS = 1200;
const AGAIN_MS = 3000;
const POLL_MS = 15000;

/** `data-tail` names the stream, `data-tail-part` what is drawn anew. With `data-tail-while` it ends when nothing matches
    that any more: call what this gives back after the page was drawn anew by others. */
export function tail(list) {
  const said = document.querySelector("[data-tail-state]");
  const { tailPart: part, tailWhile: lasts } = list.dataset;
  const stream = new Stream(list.dataset.tail, newest(part), say, show);
  let timer = 0;

  function say(text, state) {
    said.dataset.tailState = state;
    said.textContent = text;
  }

  // However many end at once, the list is drawn once.
  function show() {
    timer ||= setTimeout(async () => {
      const known = new Set(rows(part).map((row) => row.id));
      await refresh(part);
      timer = 0;
      rows(part).filter((row) => !known.has(row.id)).forEach((row) => row.classList.add("fresh"));
      look();
    }, TOGETHER_MS);
  }

  function look() {
    if (lasts && !document.querySelector(lasts)) stream.finish();
  }

  document.addEventListener("visibilitychange", () => { if (document.hidden) stream.pause(); else stream.open(); });
  addEventListener("pagehide", () => stream.pause());
  addEventListener("pageshow", (event) => { if (event.persisted) stream.open(); });
  if (document.hidden) say("paused", "paused"); else stream.open();
  return look;
}

function rows(part) {
  return [...document.querySelectorAll(`${part} [data-execution]`)];
}

// Ids are made by the clock.
function newest(part) {
  return rows(part).map((row) => row.dataset.execution).sort().at(-1) ?? "";
}

/** One open EventSource, or none: after a pause and after what a browser does not try again by itself, a new one goes on
    where the last one ended. */
class Stream {
  constructor(address, last, say, show) {
    Object.assign(this, { address, last, say, show, source: null, broke: false, done: false, missed: 0, timer: 0 });
  }

  open() {
    clearTimeout(this.timer);
    if (this.source || this.done) return;
    const address = new URL(this.address, location.href);
    if (this.last) address.searchParams.set("after", this.last);
    this.source = new EventSource(address);
    this.source.addEventListener("open", () => this.opened());
    this.source.addEventListener("error", () => this.failed());
    this.source.addEventListener("execution", (event) => this.ended(event));
    this.source.addEventListener("gap", () => { this.say("live; more ended meanwhile than is shown", "live"); this.show(); });
    this.source.addEventListener("database", (event) => this.database(JSON.parse(event.data).state));
    this.source.addEventListener("end", (event) => this.over(JSON.parse(event.data).reason));
  }

  opened() {
    if (!this.broke) return this.say("live", "live");
    this.broke = false;
    this.missed = 0;
    this.say("live again; catching up…", "live");
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.say(`live; caught up, ${this.missed} missed`, "live");
    }, CATCHING_UP_MS);
  }

  ended(event) {
    if (event.lastEventId) this.last = event.lastEventId;
    this.missed += 1;
    this.show();
  }

  failed() {
    clearTimeout(this.timer);
    this.broke = true;
    if (this.source.readyState === EventSource.CLOSED) return this.refused();
    this.say("connection lost, trying again…", "lost");
  }

  /** No seat was free, or the server is starting: the list is drawn now and then until there is one. */
  refused() {
    this.close();
    this.say("not live: too many look on, or PiCloud is away; looking again now and then", "lost");
    this.show();
    this.timer = setTimeout(() => this.open(), POLL_MS);
  }

  database(state) {
    if (state === "away") this.say("the database is away, waiting for it…", "lost"); else this.say("live", "live");
  }

  over(reason) {
    this.close();
    this.broke = true;
    if (reason === "not_allowed") return this.say("ended: you may not see this any more", "lost");
    this.say("PiCloud is stopping; trying again…", "lost");
    this.timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  finish() {
    this.close();
    this.done = true;
    this.say("ended", "over");
  }

  pause() {
    if (this.done) return;
    this.close();
    this.broke = true;
    this.say("paused while out of sight", "paused");
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}

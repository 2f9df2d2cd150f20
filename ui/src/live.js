// For pages that change by themselves: htmx for what they ask for in their attributes, the tail of a list, what waits.
import { follow } from "./follow.js";
import "./htmx.js";
import { tail } from "./tail.js";

const list = document.querySelector("[data-tail]");
follow(list ? tail(list) : undefined);

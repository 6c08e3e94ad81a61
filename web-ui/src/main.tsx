/** Starts the page. */
import { render } from "preact";
import { App } from "./app";
import { begin } from "./state/session";

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
void begin();

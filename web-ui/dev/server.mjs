/**
 * Serves the built page with a made-up house: `npm run dev`, then open the address it prints.
 *
 * HEMS_MOCK_LOGIN=1 asks for a log-in (the password is "house"), HEMS_MOCK_READONLY=1 lets nobody order,
 * HEMS_MOCK_LANGUAGE=pl speaks Polish, HEMS_MOCK_AT=2026-10-24T20:10Z is another time. Loopback only.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { forecasts, house, ordered, orders, plan, state } from "./house.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const STATIC = join(here, "../../src/hems/web/static");
const PORT = Number(process.env.HEMS_MOCK_PORT ?? 8090);
const LANGUAGE = process.env.HEMS_MOCK_LANGUAGE ?? "en";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain", ".webmanifest": "application/manifest+json" };
const HEADERS = {
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'",
  "Cache-Control": "no-cache",
};

let loggedIn = process.env.HEMS_MOCK_LOGIN !== "1";
house.alerts = process.env.HEMS_MOCK_ALERTS !== "0";

const session = () => ({
  log_in: process.env.HEMS_MOCK_LOGIN === "1" ? "needed" : "not_needed",
  reason: null,
  caller: loggedIn ? { name: "local", kind: process.env.HEMS_MOCK_LOGIN === "1" ? "session" : "local", scopes: process.env.HEMS_MOCK_READONLY === "1" ? ["read"] : ["control", "read"] } : null,
  csrf_token: "mock",
  expires_at: null,
  language: LANGUAGE,
});

const json = (response, status, body) => {
  response.writeHead(status, { ...HEADERS, "Content-Type": status < 400 ? "application/json" : "application/problem+json" });
  response.end(body === undefined ? "" : JSON.stringify(body));
};
const problem = (response, status, detail) => json(response, status, { type: "urn:hems:problem:mock", title: "", status, detail });

const bodyOf = async (request) => {
  let text = "";
  for await (const part of request) text += part;
  return text === "" ? {} : JSON.parse(text);
};

function stream(response) {
  response.writeHead(200, { ...HEADERS, "Content-Type": "text/event-stream" });
  const tell = () => response.write(`event: state\ndata: ${JSON.stringify(state(LANGUAGE))}\n\n`);
  response.write("retry: 2000\n\n");
  tell();
  const timer = setInterval(tell, 2000);
  response.on("close", () => clearInterval(timer));
}

async function api(request, response, path) {
  const body = request.method === "GET" ? null : await bodyOf(request);
  if (path === "session") {
    if (request.method === "POST" && body.password !== "house") return problem(response, 401, "The password is wrong.");
    if (request.method !== "GET") loggedIn = request.method === "POST";
    return request.method === "DELETE" ? json(response, 204) : json(response, 200, session());
  }
  if (!loggedIn) return problem(response, 401, "Log in first.");
  if (path === "stream") return stream(response);
  if (path === "orders" && request.method === "POST") return json(response, 200, ordered(body));
  const answers = { state: () => state(LANGUAGE), orders, plan, forecasts };
  return path in answers ? json(response, 200, answers[path]()) : problem(response, 404, `There is no ${path} here.`);
}

async function file(response, path) {
  try {
    const content = await readFile(join(STATIC, path === "" ? "index.html" : path.replaceAll("..", "")));
    response.writeHead(200, { ...HEADERS, "Content-Type": TYPES[extname(path)] ?? "text/html" });
    response.end(content);
  } catch {
    problem(response, 404, "There is no such file.");
  }
}

createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname).slice(1);
  void (path.startsWith("api/v1/") ? api(request, response, path.slice(7)) : file(response, path));
}).listen(PORT, "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT}/`));

/**
 * Builds the page into the Python package: `npm run build`, or `node build.mjs DIRECTORY` for another place.
 *
 * The same sources give the same bytes: names carry a hash of the content, nothing carries a time or a path.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const BUNDLED = ["preact", "@preact/signals", "@preact/signals-core", "uplot"];

/** Return the script and the style as one file each. */
async function bundle() {
  const common = {
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    legalComments: "none", // licenses.txt carries them whole
    target: ["es2022", "chrome109", "firefox115", "safari16.4"],
    charset: "utf8",
    logLevel: "warning",
  };
  const script = await build({
    ...common,
    entryPoints: ["src/main.tsx"],
    format: "iife",
    jsx: "automatic",
    jsxImportSource: "preact",
    outfile: "app.js",
  });
  const style = await build({ ...common, entryPoints: ["src/styles/index.css"], outfile: "app.css" });
  return { js: script.outputFiles[0].contents, css: style.outputFiles[0].contents };
}

/** Return the licence of every package whose code is in the bundle. */
async function licences() {
  const parts = [];
  for (const name of BUNDLED) {
    const root = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const file = (await readdir(root)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} ships no licence text`);
    const text = (await readFile(join(root, file), "utf8")).trim().replaceAll("\r\n", "\n");
    parts.push(`${name} ${version} (${license})\n\n${text}\n`);
  }
  return parts.join(`\n${"-".repeat(72)}\n\n`);
}

const hashed = (kind, content) => `app.${createHash("sha256").update(content).digest("hex").slice(0, 10)}.${kind}`;

async function main(directory) {
  const { js, css } = await bundle();
  const names = { js: hashed("js", js), css: hashed("css", css) };
  const template = await readFile(join(here, "src/index.html"), "utf8");
  const html = template.replace("app.js", names.js).replace("app.css", names.css);
  const files = {
    [names.js]: js,
    [names.css]: css,
    "index.html": html,
    "licenses.txt": await licences(),
    "icon.svg": await readFile(join(here, "src/icon.svg")),
    "manifest.webmanifest": await readFile(join(here, "src/manifest.webmanifest")),
  };
  await mkdir(directory, { recursive: true });
  for (const entry of await readdir(directory)) if (!(entry in files)) await rm(join(directory, entry), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
}

await main(resolve(process.argv[2] ?? join(here, "../src/hems/web/static")));

// Bundles into picloud/static: the same bytes wherever it runs, so that CI can compare. Needs `npm ci`.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "../picloud/static");

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/editor.js", "src/live.js"],
  outdir: target,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  legalComments: "none",
  charset: "utf8",
  metafile: true,
});

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []),
);
const notices = [...packages].sort().map(async (name) => {
  const { version } = JSON.parse(await readFile(join(here, "node_modules", name, "package.json"), "utf8"));
  const license = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
  return `${name} ${version}\n\n${license.trim()}\n`;
});
await writeFile(join(target, "bundled-licenses.txt"), (await Promise.all(notices)).join(`\n${"-".repeat(72)}\n\n`));

// Builds ../static/plan_viewer.js (one ES module, nothing loaded from a network), its NOTICE and its checksum.
//   npm install && npm run build
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const out = "../static/plan_viewer.js";

// Styles become strings for the shadow root, where the page's :root and body are the :host.
const styles = {
  name: "styles",
  setup(b) {
    b.onLoad({ filter: /\.css$/ }, (args) => ({
      loader: "text",
      contents: readFileSync(args.path, "utf8")
        .replaceAll(":root", ":host")
        .replace(/(^|[},])body\{/g, "$1.plan-viewer{")
        .replace(/\/\*# sourceMappingURL.*?\*\//g, ""),
    }));
  },
};

await build({
  entryPoints: ["widget.js"],
  bundle: true,
  format: "esm",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false", __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false" },
  plugins: [styles],
  outfile: out,
});

// PEV2 ships with its dependencies compiled in, so every package it depends on is named.
function packages() {
  const found = new Set();
  const visit = (name) => {
    const file = join("node_modules", name, "package.json");
    if (found.has(name) || !existsSync(file)) return;
    found.add(name);
    Object.keys(JSON.parse(readFileSync(file, "utf8")).dependencies ?? {}).forEach(visit);
  };
  Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies).forEach(visit);
  return [...found].filter((name) => !name.startsWith("@types/")).sort();
}

const notices = packages().map((name) => {
  const folder = join("node_modules", name);
  const info = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((f) => /^(licen[cs]e|copying)/i.test(f));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : "(no licence file in the package)";
  return `${"=".repeat(78)}\n${name} ${info.version}\nLicence: ${info.license}\n\n${text}\n`;
});
writeFileSync(
  "../static/NOTICE",
  "plan_viewer.js is built from the third-party packages below, PEV2 (https://github.com/dalibo/pev2) before all.\n" +
    "It is not part of this project's own source; the recipe is in ../pev2/.\n\n" + notices.join("\n"),
);
const sha = createHash("sha256").update(readFileSync(out)).digest("hex");
writeFileSync("../static/plan_viewer.js.sha256", `${sha}  plan_viewer.js\n`);
console.log(sha);

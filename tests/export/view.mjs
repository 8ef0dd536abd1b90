// Shows models in headless Chromium and saves what is seen: node view.mjs MODULES JOBS.json
// JOBS.json: {root, options, models: [{url, kind, up, picture}]}; the answer, one a model, goes to stdout as JSON.
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [modules, file] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
const { root, browser: executablePath, options, models } = JSON.parse(readFileSync(file));
const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".png": "image/png" };

const server = createServer((request, answer) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  const folder = path === "/viewer.html" ? here : path.startsWith("/three/") ? modules : root;
  try {
    const data = readFileSync(join(folder, path));
    answer.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" }).end(data);
  } catch {
    answer.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const profile = mkdtempSync(join(tmpdir(), "patina-view-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
  ],
});
const answers = [];
try {
  for (const model of models) {
    const page = await browser.newPage();
    const said = [];
    page.on("console", (message) => message.type() === "error" && said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    try {
      await page.goto(`http://127.0.0.1:${server.address().port}/viewer.html`);
      await page.waitForFunction("window.ready");
      const { picture, ...answer } = await page.evaluate((job) => window.show(job), { ...options, ...model });
      writeFileSync(model.picture, Buffer.from(picture.split(",")[1], "base64"));
      answers.push({ ...answer, said });
    } catch (error) {
      answers.push({ error: String(error), said });
    }
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify(answers));

// Looks at a page in headless Chromium, without a network: node look.mjs MODULES JOB.json
// JOB.json: {browser, page, steps: [{do, …}]}; what each step gave goes to stdout as JSON.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [modules, file] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
const { browser: executablePath, page: address, steps } = JSON.parse(readFileSync(file));
const profile = mkdtempSync(join(tmpdir(), "patina-look-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  viewport: { width: 1000, height: 800 },
  args: [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
  ],
});
const answers = [], said = [], asked = [];
try {
  await browser.setOffline(true);
  const page = await browser.newPage();
  page.setDefaultTimeout(40000);
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(address);
  for (const step of steps) {
    if (step.do === "evaluate") answers.push(await page.evaluate(step.script));
    else if (step.do === "wait") answers.push(await page.waitForFunction(step.script).then(() => true));
    else if (step.do === "click") answers.push(await page.click(step.what));
    else if (step.do === "picture") answers.push(await page.locator(step.what).screenshot({ path: step.path }).then(() => true));
    else throw new Error(step.do);
  }
} catch (error) {
  said.push(String(error));
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ answers, said, asked: asked.filter((url) => !/^(file|data|blob):/.test(url)) }));

// Khronos's glTF validator: node validate.mjs MODULES FILE.glb ... The reports go to stdout as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const validator = createRequire(join(modules, "x.js"))("gltf-validator");
const reports = await Promise.all(files.map((file) => validator.validateBytes(new Uint8Array(readFileSync(file)))));
console.log(JSON.stringify(reports.map((report) => ({
  errors: report.issues.numErrors,
  warnings: report.issues.messages.filter((message) => message.severity === 1).map((message) => message.code),
  messages: report.issues.messages.map((message) => `${message.code} ${message.pointer ?? ""}: ${message.message}`),
}))));

// Builds the oracle for a browser into a folder: node tools/oracle_page.mjs FOLDER

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const [folder] = process.argv.slice(2)
await build({
  configFile: false,
  logLevel: 'error',
  build: { outDir: folder, lib: { entry: 'tests/oracle_page.ts', formats: ['es'], fileName: 'oracle' } }
})
const page = '<!doctype html><html lang="en"><title>Oracle</title><link rel="icon" href="data:,"><script type="module" src="/oracle.js"></script></html>'
writeFileSync(join(folder, 'index.html'), page)

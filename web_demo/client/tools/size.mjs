// How many bytes the client is for a page, minified and gzipped, with the one package that it needs.

import { gzipSync } from 'node:zlib'
import { build } from 'vite'

const { output } = await build({
  configFile: false,
  logLevel: 'error',
  build: { write: false, minify: true, rollupOptions: { input: 'src/index.ts', preserveEntrySignatures: 'strict' } }
})
console.log(output.reduce((sum, chunk) => sum + (chunk.type === 'chunk' ? gzipSync(chunk.code).length : 0), 0))

import { defineConfig } from 'vite'

/** The page's folder becomes that of the wheel; paths in it are relative, so that it may stand under any prefix. */
export default defineConfig({
  root: 'demo',
  base: './',
  build: {
    outDir: '../../protobase_live/pages/demo',
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 1_000 // kB; most of it is the editor, and all of it comes from this machine
  }
})

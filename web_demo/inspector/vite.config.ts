import { defineConfig } from 'vite'

/**
 * The folder becomes that of the wheel, where each file is where it is asked for: the page at `/`, what it needs below
 * `inspector/assets/`. Paths are relative, so that the page may stand under any prefix.
 */
export default defineConfig({
  root: 'inspector',
  base: './',
  build: {
    outDir: '../../protobase_live/pages/inspector',
    assetsDir: 'inspector/assets',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false }
  }
})

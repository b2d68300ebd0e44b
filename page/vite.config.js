import { defineConfig } from "vite";

// names without a digest, so that the built files are the same wherever they are built and the server can list them
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/hearsight/serve/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    rollupOptions: {
      output: {
        entryFileNames: "assets/page.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/page[extname]",
      },
    },
  },
});

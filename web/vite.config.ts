import { defineConfig } from 'vitest/config';
import { bundledIcons } from './build/icons.ts';
import { ICONS } from './build/icon_names.ts';

const SERVER = process.env.DATAPULSE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [bundledIcons(ICONS)],
  // The gateway of a running `datapulse demo`, for `npm run dev`.
  // Under the server's own name and origin, or it refuses changes as those of another page.
  server: { proxy: { '/api': { target: SERVER, changeOrigin: true, headers: { origin: SERVER } } } },
  build: {
    target: 'es2022',
    sourcemap: false,
    // A data: URL would need its own line in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2500,
    rollupOptions: {
      onLog(level, log, tell) {
        // `use client` is a word for servers that render React; there is none here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') tell(level, log);
      },
      output: {
        codeSplitting: {
          // In this order: else the charts, which two pages need, would take React in, and every page them.
          groups: [
            { name: 'react', priority: 3, test: /node_modules[\\/](react|react-dom|scheduler|react-router|react-router-dom|@remix-run|@tanstack|axios)[\\/]/ },
            { name: 'eui', priority: 2, test: /node_modules[\\/](@elastic[\\/](eui|eui-theme-[a-z]+|prismjs-esql)|@emotion|refractor|prismjs)[\\/]/ },
            { name: 'charts', priority: 1, test: /node_modules[\\/](@elastic[\\/]charts|d3-[a-z-]+|moment-timezone|@reduxjs|redux)[\\/]/ },
          ],
        },
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.{ts,tsx}'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 20_000,
  },
});

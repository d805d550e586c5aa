/// <reference types="vite/client" />

// EUI's own style cache, which it doesn't export: without it no nonce reaches the colour mode's class.
declare module '@elastic/eui/es/services/emotion/css' {
  import type { EmotionCache } from '@emotion/css';
  export const cache: EmotionCache;
}

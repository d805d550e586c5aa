import createCache from '@emotion/cache';
import { cache as sharedCache } from '@emotion/css';
import { cache as euiCache } from '@elastic/eui/es/services/emotion/css';
import { setNonce } from 'get-nonce';

/** What stands in the page until a server fills it in. */
const UNFILLED = '__CSP_NONCE__';

/** The server writes the nonce of its content security policy into this tag. */
function nonce(): string | undefined {
  const tag = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"], meta[property="csp-nonce"]');
  const value = tag?.nonce || tag?.content;
  return value && value !== UNFILLED ? value : undefined;
}

/**
 * The cache that all styles of ours go through, with the page's nonce. EUI keeps a cache of its own
 * beside it, and flyouts lock the page's scrolling through `get-nonce`: they get the nonce too.
 */
export function styleCache() {
  const value = nonce();
  if (value) {
    for (const sheet of [sharedCache.sheet, euiCache.sheet]) sheet.nonce = value;
    setNonce(value);
  }
  const cache = createCache({ key: 'dp', nonce: value });
  cache.compat = true;
  return cache;
}

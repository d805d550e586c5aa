import { afterEach, beforeEach } from 'vitest';
import { cleanup, configure } from '@testing-library/react';
import { answer } from './page';

// Pages come in by an import of their own, which takes a while on a busy machine.
configure({ asyncUtilTimeout: 10_000 });

// jsdom has none of these; EUI measures with them.
class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}
Object.assign(globalThis, { ResizeObserver: Observer, IntersectionObserver: Observer });
window.matchMedia ??= (query: string) =>
  ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }) as unknown as MediaQueryList;

// No request leaves a test: what it doesn't answer is not found.
beforeEach(() => void answer({}));
afterEach(cleanup);

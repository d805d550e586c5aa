// A real Chromium that remembers everything that must not happen.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const WINDOW = { width: 1440, height: 1000 };
/** Charts and flyouts move into place, in milliseconds. */
const SETTLES_MS = 800;
const ASK_EVERY_MS = 250;

/** By `data-test-subj`, as EUI names it. */
export const subject = (name) => `[data-test-subj~="${name}"]`;

const started = Date.now();
export const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);

function watch(page, base, faults) {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('requestfailed', (request) => {
    // What a page that is left no longer waits for is no fault.
    const why = request.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') faults.push(`${why} ${request.method()} ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} ${response.request().method()} ${response.url()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:')) faults.push(`asked elsewhere: ${request.url()}`);
  });
}

/** Runs a walk in a browser of its own and gives what went wrong. */
export async function walk({ base, stageMs, images }, story) {
  mkdirSync(images, { recursive: true });
  const faults = [];
  const profile = mkdtempSync(join(tmpdir(), 'datapulse-story-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
    viewport: WINDOW,
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(stageMs);
  watch(page, base, faults);
  try {
    await story(page);
  } catch (error) {
    faults.push(error.message);
    const failed = join(tmpdir(), 'datapulse-story-failed.png');
    await page.screenshot({ path: failed }).then(() => say(`where it failed: ${failed}`), () => undefined);
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
  return faults;
}

export async function picture(page, images, name) {
  await page.waitForTimeout(SETTLES_MS);
  await page.screenshot({ path: join(images, `${name}.png`) });
  say(`picture ${name}.png`);
}

/** Asks until there is an answer. */
export async function until(what, withinMs, ask) {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
  }
}

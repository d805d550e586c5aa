// Four eyes in a real browser, through a real identity provider, on a running `datapulse demo` whose fault asks for
// an action of high risk: a viewer has no button and gets 403, one responder's yes is not enough, a second one's is.
//
//   BASE_URL=http://127.0.0.1:PORT ISSUER=http://127.0.0.1:PORT node e2e/four-eyes.mjs
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { picture, say, subject, until } from './browser.mjs';

const { BASE_URL: base, ISSUER: issuer } = process.env;
if (!base || !issuer) {
  console.error('BASE_URL names the running demo, ISSUER the identity provider');
  process.exit(2);
}
const images = process.env.IMAGES ?? join(tmpdir(), 'datapulse-images');
const stageMs = Number(process.env.STAGE_MS ?? 180_000);
/** So long nothing may happen while everything is stopped. */
const HELD_MS = 3_000;
const API = `${base}/api/datapulse/v1`;
const at = (page, name) => page.locator(subject(name));

async function api(page, path) {
  const answer = await page.request.get(`${API}${path}`);
  if (!answer.ok()) throw new Error(`${answer.status()} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** A browser of its own for each person, as on machines of their own. */
async function person(browser, name) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  const page = await context.newPage();
  page.setDefaultTimeout(stageMs);
  await page.goto(base);
  await at(page, 'login-provider').click();
  await page.locator('input[name="login"]').fill(name);
  await page.locator('input[name="password"]').fill('any');
  await page.locator('button[type="submit"]').click();
  // The provider asks whether this client may know who it is.
  await page.locator('button[type="submit"]').click();
  await at(page, 'stream-live').waitFor();
  const me = await api(page, '/me');
  if (me.name.toLowerCase() !== name) throw new Error(`${name} came in as ${JSON.stringify(me)}`);
  const cookies = await context.cookies(base);
  const session = cookies.find((one) => one.name === 'datapulse_session');
  if (!session?.httpOnly || session.sameSite !== 'Strict') throw new Error(`the session's cookie is ${JSON.stringify(session)}`);
  say(`${me.name} is in, as ${me.role}`);
  return { page, me };
}

async function offers(page, id) {
  await page.goto(`${base}/incidents/${id}`);
  await at(page, 'open-resolver').click();
  await at(page, 'resolver-flyout').waitFor();
}

async function agree(page, proposal, reason) {
  await at(page, `reason-${proposal}`).fill(reason);
  await at(page, `approve-${proposal}`).click();
  await at(page, `outcome-${proposal}`).waitFor();
}

/** From the head of the page, where it is on every page. */
async function stop(page) {
  await page.goto(base);
  await at(page, 'stop-all').click();
  await at(page, 'ask-reason').fill('We look at the platform first.');
  await at(page, 'ask-give').click();
  await at(page, 'stop-banner').waitFor();
  await picture(page, images, 'stopped');
}

async function lift(page, incident) {
  await page.goto(`${base}/incidents/${incident}`);
  await at(page, 'resume').click();
  await at(page, 'ask-reason').fill('The platform is well.');
  await at(page, 'ask-give').click();
  await at(page, 'stop-banner').waitFor({ state: 'detached' });
}

async function story(browser) {
  const vic = await person(browser, 'vic');
  const ada = await person(browser, 'ada');
  const bob = await person(browser, 'bob');
  const { incident, proposal } = await until('an offer that asks for two', stageMs, async () => {
    const { items } = await api(ada.page, '/incidents?sort=opened_at&limit=50');
    for (const { incident_id: incident } of items) {
      const offered = (await api(ada.page, `/incidents/${incident}/proposals`)).items;
      const two = offered.find((one) => one.stage === 'pending' && one.standing.needed === 2);
      if (two) return { incident, proposal: two.proposal.id };
    }
    return null;
  });
  say(`${incident} ${proposal} asks for two people`);
  await offers(vic.page, incident);
  await at(vic.page, `sealed-${proposal}`).waitFor();
  for (const name of [`approve-${proposal}`, `reject-${proposal}`, `withdraw-${proposal}`, 'request-new', 'stop-all']) {
    if ((await at(vic.page, name).count()) > 0) throw new Error(`a viewer has ${name}`);
  }
  const seal = (await api(vic.page, `/incidents/${incident}/proposals`)).items.find((one) => one.proposal.id === proposal).seal;
  const refused = await vic.page.request.post(`${API}/incidents/${incident}/proposals/${proposal}/decisions`, {
    headers: { 'X-CSRF-Token': vic.me.csrf_token }, data: { seal, approve: true, reason: 'let me' },
  });
  if (refused.status() !== 403) throw new Error(`a viewer's decision was answered with ${refused.status()}`);
  say('a viewer reads, has no button, and is refused by the API');
  await offers(ada.page, incident);
  await agree(ada.page, proposal, 'The provider is down.');
  await at(ada.page, `standing-${proposal}`).filter({ hasText: '1 of 2 have agreed: Ada' }).waitFor();
  await at(ada.page, `cannot-${proposal}`).waitFor();
  await picture(ada.page, images, 'four-eyes');
  await stop(ada.page);
  await offers(bob.page, incident);
  await agree(bob.page, proposal, 'I see it too.');
  await at(bob.page, 'stop-banner').filter({ hasText: 'stopped by Ada' }).waitFor();
  const stage = async () => (await api(bob.page, `/incidents/${incident}`)).proposals.find((one) => one.proposal.id === proposal).stage;
  await until('the verdict', stageMs, async () => (await stage()) === 'approved');
  await bob.page.waitForTimeout(HELD_MS);
  if ((await stage()) !== 'approved') throw new Error(`${proposal} is ${await stage()}, though everything is stopped`);
  say('agreed by two, and held back by a stop');
  await lift(bob.page, incident);
  await until('the outcome', stageMs, async () => {
    const { proposals } = await api(bob.page, `/incidents/${incident}`);
    return proposals.find((one) => one.proposal.id === proposal)?.recovery === 'recovered';
  });
  const { items } = await api(bob.page, `/incidents/${incident}/records?limit=10000`);
  const starts = items.filter(({ record: { event } }) => event.kind === 'execution_started' && event.proposal === proposal).length;
  if (starts !== 1) throw new Error(`${proposal} was begun ${starts} times`);
  say('two people agreed, it was done once, and it helped');
}

mkdirSync(images, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
let failed = false;
try {
  await story(browser);
  say('the story holds');
} catch (error) {
  failed = true;
  console.error(`FAULT ${error.message}`);
  for (const [index, page] of browser.contexts().flatMap((context) => context.pages()).entries()) {
    const path = join(tmpdir(), `datapulse-four-eyes-failed-${index}.png`);
    await page.screenshot({ path }).then(() => say(`where it failed: ${path}`), () => undefined);
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

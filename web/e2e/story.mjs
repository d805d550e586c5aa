// The whole story in a real browser, on a running `datapulse demo`: an incident appears, is taken on and read,
// its evidence is asked again, a proposal is approved, the service recovers; then a person declares an incident
// and closes it, and the audit is intact.
//
//   BASE_URL=http://127.0.0.1:PORT LOGIN_LINK=http://127.0.0.1:PORT/login?code=… node e2e/story.mjs
//
// Fails on any error in the console, any error of the page, any response of 400 and over.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { picture, say, subject, until, walk } from './browser.mjs';

const base = process.env.BASE_URL;
const login = process.env.LOGIN_LINK;
if (!base || !login) {
  console.error('BASE_URL and LOGIN_LINK name the running demo and its one-time link');
  process.exit(2);
}
const images = process.env.IMAGES ?? resolve(fileURLToPath(new URL('../../docs/images', import.meta.url)));
/** How long each stage of the demo may take, in milliseconds of the wall. */
const stageMs = Number(process.env.STAGE_MS ?? 120_000);
const API = `${base}/api/datapulse/v1`;

const at = (page, name) => page.locator(subject(name));
const inside = (page, outer, name) => page.locator(`${subject(outer)} ${subject(name)}`);

async function api(page, path) {
  const answer = await page.request.get(`${API}${path}`);
  if (!answer.ok()) throw new Error(`${answer.status()} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** Nothing has happened yet, or already has: either way the page says what the API says. */
async function first(page) {
  await page.goto(login);
  await at(page, 'stream-live').waitFor();
  await at(page, 'service-health').waitFor();
  const { total } = await api(page, '/incidents');
  say(`logged in; ${total} incidents`);
}

/** The incident that the demo's fault raised: the first with something to decide. The page hears of it by itself. */
async function found(page) {
  const incident = await until('an incident with a proposal', stageMs, async () => {
    const { items } = await api(page, '/incidents?sort=-opened_at&limit=50');
    return items.find((one) => one.proposals_pending > 0);
  });
  say(`found ${incident.incident_id}: ${incident.title}`);
  await at(page, `open-${incident.incident_id}`).waitFor();
  await page.locator('canvas').first().waitFor();
  await picture(page, images, 'dashboard');
  return incident.incident_id;
}

async function read(page, id) {
  await at(page, `open-${id}`).click();
  await at(page, 'incident-head').waitFor();
  await page.locator(`${subject('records')} tbody tr`).first().waitFor();
  await mark(page, 'acknowledge', 'On it.');
  await at(page, 'records').getByText('On it.').first().waitFor();
  await picture(page, images, 'incident');
}

/** What a person does to an incident, with a text where it asks for one. */
async function mark(page, kind, text) {
  await at(page, `mark-${kind}`).click();
  await at(page, 'mark-text').fill(text);
  await at(page, 'mark-give').click();
  await at(page, 'mark-give').waitFor({ state: 'detached' });
}

async function rootCause(page) {
  await at(page, 'open-rca').click();
  const flyout = at(page, 'rca-flyout');
  const best = at(page, 'hypothesis-H1');
  await best.waitFor();
  await picture(page, images, 'rca');
  await best.locator('button').first().click();
  await best.locator('[data-test-subj^="again-"]').first().click();
  const held = best.locator('[data-test-subj^="held-"]').first();
  await held.waitFor();
  say(`evidence run again: ${(await held.innerText()).split('\n')[0]}`);
  await held.scrollIntoViewIfNeeded();
  await picture(page, images, 'evidence');
  await inside(page, 'rca-flyout', 'euiFlyoutCloseButton').click();
  await flyout.waitFor({ state: 'detached' });
}

/** What to decide next; or that it is over. */
async function next(page, id) {
  const incident = await api(page, `/incidents/${id}`);
  if (incident.status === 'mitigated' || incident.status === 'resolved') return { over: true };
  const acting = incident.proposals.some((one) => ['approved', 'executing', 'executed'].includes(one.stage));
  const pending = incident.proposals.find((one) => one.stage === 'pending');
  return !acting && pending ? { proposal: pending.proposal.id } : null;
}

/** Approves the proposals in the order offered, until one heals. */
async function approve(page, id) {
  await at(page, 'open-resolver').click();
  await at(page, 'resolver-flyout').waitFor();
  let decided = 0;
  for (;;) {
    const { over, proposal } = await until('a proposal to decide, or the end', stageMs, () => next(page, id));
    if (over) break;
    await at(page, `reason-${proposal}`).fill('The evidence points at it; the undo is at hand.');
    if (decided === 0) await picture(page, images, 'resolver');
    await at(page, `approve-${proposal}`).click();
    await at(page, `approve-${proposal}`).waitFor({ state: 'detached' });
    await at(page, `outcome-${proposal}`).waitFor();
    say(`approved ${proposal}`);
    decided += 1;
  }
  if (decided === 0) throw new Error('the incident ended before anything was approved');
  await picture(page, images, 'recovered');
  await inside(page, 'resolver-flyout', 'euiFlyoutCloseButton').click();
  await at(page, 'resolver-flyout').waitFor({ state: 'detached' });
}

async function resolved(page) {
  // No reload: the page must learn it from the stream.
  await at(page, 'status').filter({ hasText: 'resolved' }).waitFor();
  await at(page, 'records').getByText('recovered', { exact: false }).first().waitFor();
  say('resolved, and the page says so');
  await picture(page, images, 'resolved');
}

/** A person declares what Sentinel didn't see, notes, changes its severity, closes and reopens it. */
async function declared(page, service) {
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await at(page, 'declare').click();
  await at(page, 'declare-service.name').fill(service);
  await at(page, 'declare-title').fill('Customers report empty pages');
  await at(page, 'declare-reason').fill('Three calls to support within ten minutes.');
  await at(page, 'declare-give').click();
  await at(page, 'declare-give').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Customers report empty pages' }).first().click();
  await at(page, 'incident-head').waitFor();
  await mark(page, 'note', 'Support sends the addresses.');
  await mark(page, 'severity', 'Few customers are hit.');
  await mark(page, 'false_alarm', 'An old bookmark.');
  await at(page, 'status').filter({ hasText: 'closed' }).waitFor();
  await mark(page, 'reopen', 'It is more than one bookmark.');
  await at(page, 'status').filter({ hasText: /^(?!.*closed)/ }).waitFor();
  await mark(page, 'false_alarm', 'An old bookmark after all.');
  await at(page, 'status').filter({ hasText: 'closed' }).waitFor();
  say('declared, noted, closed, reopened, closed');
}

async function audit(page) {
  await page.getByRole('link', { name: 'Audit' }).click();
  await at(page, 'audit-intact').waitFor();
  say((await at(page, 'audit-intact').innerText()).split('\n')[0]);
  await picture(page, images, 'audit');
}

/** The other pages show what the API has. */
async function others(page) {
  await page.getByRole('link', { name: 'Services' }).click();
  await at(page, 'service-health').waitFor();
  await picture(page, images, 'services');
  await page.getByRole('link', { name: 'Runbooks' }).click();
  await at(page, 'runbook').waitFor();
  await picture(page, images, 'runbooks');
  await page.getByRole('link', { name: 'Tools' }).click();
  await page.getByRole('button', { name: 'check_recent_deployments' }).click();
  await at(page, 'run-tool').click();
  await at(page, 'tool-answer').waitFor();
  await picture(page, images, 'tools');
  await at(page, 'color-mode').click();
  await at(page, 'color-mode').click();
}

const faults = await walk({ base, stageMs, images }, async (page) => {
  await first(page);
  const id = await found(page);
  await read(page, id);
  await rootCause(page);
  await approve(page, id);
  await resolved(page);
  const { items } = await api(page, '/services');
  const other = items.find((one) => one.open_incidents === 0) ?? items[0];
  await declared(page, other['service.name']);
  await audit(page);
  await others(page);
});
for (const fault of faults) console.error(`FAULT ${fault}`);
say(faults.length === 0 ? 'the story holds' : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);

import { EuiBasicTable, type EuiBasicTableColumn } from '@elastic/eui';
import type { Json, RecordLine } from '../api/types';
import { cell, moment, shortDigest, who, words } from '../format';

/** An incident's history, oldest first, as the journal holds it. */
export function Records({ lines }: { lines: RecordLine[] }) {
  const columns: EuiBasicTableColumn<RecordLine>[] = [
    { name: 'No', width: '48px', render: (line: RecordLine) => line.record.seq },
    { name: 'UTC', width: '168px', render: (line: RecordLine) => moment(line.record.at) },
    { name: 'Who', width: '120px', truncateText: true, render: (line: RecordLine) => who(line.record.actor) },
    { name: 'What', width: '184px', render: (line: RecordLine) => words(line.record.event.kind) },
    { name: 'In words', truncateText: { lines: 2 }, render: (line: RecordLine) => inWords(line.record.event) },
    { name: 'Digest', width: '128px', render: (line: RecordLine) => shortDigest(line.digest) },
  ];
  const items = lines.map((line) => ({ ...line, key: line.record.seq }));
  return <EuiBasicTable<RecordLine> tableCaption="History" compressed items={items} columns={columns} itemId="key" noItemsMessage="No records" />;
}

type Fields = Record<string, Json>;

function field(of: Json, ...path: string[]): Json {
  return path.reduce<Json>((value, key) => (typeof value === 'object' && value !== null ? (value as Fields)[key] : undefined), of);
}

/** The sentence of an event: its own words where it has some, else what it points at. */
export function inWords(event: Fields): string {
  const proposal = typeof event.proposal === 'string' ? event.proposal : field(event, 'proposal', 'id');
  switch (event.kind) {
    case 'opened':
      return `${cell(event.title)} · ${cell(event.severity_reason)}`;
    case 'severity_changed':
      return `${cell(event.severity)}: ${cell(event.reason)}`;
    case 'acknowledged':
      return event.note ? `${cell(event.owner)}: ${cell(event.note)}` : cell(event.owner);
    case 'investigation_started':
      return `has until ${moment(cell(event.until))} UTC`;
    case 'investigation_failed':
      return `${cell(event.reason)} ${cell(event.known)}`;
    case 'report_recorded':
      return cell(field(event, 'report', 'conclusion'));
    case 'proposed':
      return `${cell(proposal)}: ${words(cell(field(event, 'proposal', 'action', 'kind')))} ${cell(field(event, 'proposal', 'action', 'target'))}`;
    case 'decided':
      return `${cell(proposal)} ${event.approve === true ? 'approved' : 'rejected'}${event.break_glass === true ? ' alone, by break-glass' : ''}: ${cell(event.reason)}`;
    case 'automation_decided':
      return `${cell(proposal)} ${event.shadow === true ? 'would have run' : 'runs'} without a person, by the rule ${cell(event.rule)}: ${Array.isArray(event.reasons) ? event.reasons.map((reason) => cell(reason)).join('; ') : ''}`;
    case 'action_requested':
      return `${words(cell(field(event, 'action', 'kind')))} ${cell(field(event, 'action', 'target'))}: ${cell(event.why)}`;
    case 'break_glass_reviewed':
      return `${cell(proposal)} ${event.justified === true ? 'justified' : 'not justified'}: ${cell(event.note)}`;
    case 'execution_started':
      return `${cell(proposal)}, key ${cell(event.idempotency_key)}`;
    case 'execution_finished':
      return `${cell(proposal)} ${words(cell(event.result))}: ${cell(event.says)}`;
    case 'recovery_checked':
      return `${cell(proposal)} ${words(cell(event.recovery))}: ${cell(event.says)}`;
    case 'notice_held':
      return `${cell(event.channel)} about ${words(cell(event.topic))}: ${heldBy(event.by)}`;
    case 'snoozed':
      return `until ${moment(cell(event.until))} UTC: ${cell(event.reason)}`;
    case 'closed':
      return `${words(cell(field(event, 'as', 'kind')))}: ${cell(event.reason)}`;
    case 'edited':
      return edited(event);
    case 'assigned':
      return `to ${assignee(event.to)}: ${cell(event.reason)}`;
    case 'handed_over':
      return `from ${cell(event.from)} to ${assignee(event.to)}: ${cell(event.note)}`;
    case 'merged_into':
      return `${cell(event.into)}: ${cell(event.reason)}`;
    case 'absorbed':
      return `${cell(event.incident)} with ${counted(event.findings, 'finding')} and ${counted(event.notes, 'note')}: ${cell(event.reason)}`;
    case 'split_off':
      return `${Array.isArray(event.findings) ? event.findings.map((name) => cell(name)).join(', ') : ''} into ${cell(event.into)}: ${cell(event.reason)}`;
    case 'voided':
      return `no incident: ${cell(event.reason)}`;
    case 'feedback_given':
      return `${event.right === true ? 'right' : 'wrong'}${event.note ? `: ${cell(event.note)}` : ''}`;
    case 'notice_sent':
      return `${words(cell(event.topic))} to ${cell(event.channel)}, about record ${cell(event.about)}`;
    default: {
      const said = cell(event.says ?? event.reason ?? event.text);
      return typeof proposal === 'string' ? `${proposal}: ${said}` : said;
    }
  }
}

/** An empty impact takes it away; what isn't named stays. */
function edited(event: Fields): string {
  const title = event.title ? [`title: ${cell(event.title)}`] : [];
  const impact = typeof event.impact === 'string' ? [event.impact.trim() ? `impact: ${event.impact}` : 'impact taken away'] : [];
  return [...title, ...impact].join('; ');
}

function assignee(to: Json): string {
  const name = cell(field(to, 'name'));
  return field(to, 'kind') === 'team' ? `the team ${name}` : name;
}

/** The API leaves out what is empty. */
function counted(list: Json, what: string): string {
  const number = Array.isArray(list) ? list.length : 0;
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** What stood against a notice. */
function heldBy(by: Json): string {
  switch (field(by, 'kind')) {
    case 'silence':
      return `the silence ${cell(field(by, 'silence'))}`;
    case 'quiet_hours':
      return `the quiet hours ${cell(field(by, 'name'))}`;
    case 'callee': {
      const path = field(by, 'path');
      return `${cell(field(by, 'incident'))} of a service that it calls (${Array.isArray(path) ? path.join(' – ') : ''})`;
    }
    default:
      return words(cell(field(by, 'kind')));
  }
}

import { EuiCode, EuiCodeBlock, EuiText } from '@elastic/eui';
import { Fragment, type ReactNode } from 'react';

/**
 * Runbooks are Markdown. Only what a runbook needs becomes elements: headings, lists, paragraphs,
 * code, bold. Everything else, HTML and links included, stays the text that it is.
 */
export function Markdown({ text }: { text: string }) {
  return <EuiText size="s">{blocks(text)}</EuiText>;
}

function blocks(text: string): ReactNode[] {
  const lines = text.split('\n');
  const out: ReactNode[] = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at);
    if (node !== null) out.push(<Fragment key={at}>{node}</Fragment>);
    at = next;
  }
  return out;
}

/** The block that begins at a line, and the line after it. */
function block(lines: string[], at: number): [ReactNode, number] {
  const line = lines[at];
  if (line.trim() === '') return [null, at + 1];
  if (line.startsWith('```')) return fence(lines, at);
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    const title = inline(heading[2]);
    return [heading[1].length <= 2 ? <h3>{title}</h3> : <h4>{title}</h4>, at + 1];
  }
  if (BULLET.test(line)) return list(lines, at, BULLET, (items) => <ul>{items}</ul>);
  if (NUMBER.test(line)) return list(lines, at, NUMBER, (items) => <ol>{items}</ol>);
  let end = at;
  const said: string[] = [];
  while (end < lines.length && lines[end].trim() !== '' && !(end > at && begins(lines[end]))) said.push(lines[end++]);
  return [<p>{inline(said.join(' '))}</p>, end];
}

const BULLET = /^\s*[-*]\s+/;
const NUMBER = /^\s*\d+\.\s+/;

function begins(line: string): boolean {
  return line.startsWith('```') || line.startsWith('#') || BULLET.test(line) || NUMBER.test(line);
}

function fence(lines: string[], at: number): [ReactNode, number] {
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith('```')) end += 1;
  const code = lines.slice(at + 1, end).join('\n');
  return [<EuiCodeBlock fontSize="s" paddingSize="s">{code}</EuiCodeBlock>, end + 1];
}

function list(lines: string[], at: number, mark: RegExp, wrap: (items: ReactNode[]) => ReactNode): [ReactNode, number] {
  const items: string[] = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    if (mark.test(lines[end])) items.push(lines[end].replace(mark, ''));
    else if (lines[end].startsWith('  ') && lines[end].trim() !== '') items[items.length - 1] += ` ${lines[end].trim()}`;
    else break;
  }
  return [wrap(items.map((item, key) => <li key={key}>{inline(item)}</li>)), end];
}

function inline(text: string): ReactNode[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece, key) => {
    if (piece.length > 2 && piece.startsWith('`') && piece.endsWith('`')) return <EuiCode key={key}>{piece.slice(1, -1)}</EuiCode>;
    if (piece.length > 4 && piece.startsWith('**') && piece.endsWith('**')) return <strong key={key}>{piece.slice(2, -2)}</strong>;
    return <Fragment key={key}>{piece}</Fragment>;
  });
}

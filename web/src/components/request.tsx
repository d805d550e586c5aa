import { EuiButton, EuiButtonEmpty, EuiCallOut, EuiFieldText, EuiForm, EuiFormRow, EuiPanel, EuiSelect, EuiSpacer, EuiText, EuiTextArea, EuiTitle } from '@elastic/eui';
import { useState } from 'react';
import { useRequestAction } from '../api/queries';
import type { Action, ActionKind, ActionRequest, Incident, Json, RequestState } from '../api/types';
import { action, who, words } from '../format';
import { ProblemNote } from './state';

/** The kinds of action, with the parameters that each takes. */
const KINDS: Record<ActionKind, string> = {
  rollback: 'to_version=…', scale: 'replicas=…', restart: '', config_change: 'to_revision=…', flag_off: 'flag=…', flag_on: 'flag=…',
  cache_clear: '', traffic_shift: 'to=…', rate_limit: 'share=…',
};

const PAIR = /^\s*([^=\s][^=]*?)\s*=(.*)$/;

/** One NAME=VALUE a line; what reads as a number, true or false is one, as on the command line. */
export function parameters(text: string): Record<string, Json> {
  return Object.fromEntries(text.split('\n').flatMap((line) => {
    const pair = PAIR.exec(line);
    return pair ? [[pair[1], value(pair[2].trim())]] : [];
  }));
}

/** The first line that names nothing: left out, it would ask for another action than was meant. */
export function strayed(text: string): string | undefined {
  return text.split('\n').find((line) => line.trim() !== '' && !PAIR.test(line));
}

/** JSON where it is some; in quotes, a number stays the text that it is. */
function value(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** As it is typed in: in quotes where it would be read as something else, such as the version 1.10. */
export function typed(given: Action['parameters']): string {
  const line = (name: string, one: Json) => {
    const bare = `${name}=${String(one)}`;
    return parameters(bare)[name] === one ? bare : `${name}=${JSON.stringify(one)}`;
  };
  return Object.entries(given).map(([name, one]) => line(name, one)).join('\n');
}

/** An action that somebody wants; with `edits` in that proposal's place. */
export function RequestForm({ incident, from, edits, onDone }: { incident: Incident; from?: Action; edits?: string; onDone?: () => void }) {
  const [kind, setKind] = useState<ActionKind>(from?.kind ?? 'restart');
  const [target, setTarget] = useState(from?.target ?? incident['service.name']);
  const [text, setText] = useState(typed(from?.parameters ?? {}));
  const [why, setWhy] = useState('');
  const request = useRequestAction(incident.incident_id);
  const stray = strayed(text);
  const complete = target.trim() !== '' && why.trim() !== '' && stray === undefined;
  const give = () => {
    const body: ActionRequest = { kind, target: target.trim(), parameters: parameters(text), why: why.trim(), edits: edits ?? null };
    request.mutate(body, { onSuccess: () => { setWhy(''); onDone?.(); } });
  };
  const name = edits ?? 'new';
  return (
    <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); if (complete) give(); }} data-test-subj={`request-${name}`}>
      <EuiFormRow label="Action"><EuiSelect compressed options={Object.keys(KINDS).map((one) => ({ value: one, text: words(one) }))} value={kind} onChange={(event) => setKind(event.target.value as ActionKind)} data-test-subj={`request-kind-${name}`} /></EuiFormRow>
      <EuiFormRow label="Target"><EuiFieldText compressed value={target} onChange={(event) => setTarget(event.target.value)} data-test-subj={`request-target-${name}`} /></EuiFormRow>
      <EuiFormRow label="Parameters" isInvalid={stray !== undefined} error={`Expected NAME=VALUE, got ${stray}`} helpText={KINDS[kind] ? `One a line, such as ${KINDS[kind]}; a number that is a text in quotes; none: what follows from the target's state.` : 'This kind takes none.'}>
        <EuiTextArea compressed rows={2} isInvalid={stray !== undefined} value={text} onChange={(event) => setText(event.target.value)} data-test-subj={`request-parameters-${name}`} />
      </EuiFormRow>
      <EuiFormRow label="Why"><EuiFieldText compressed value={why} onChange={(event) => setWhy(event.target.value)} data-test-subj={`request-why-${name}`} /></EuiFormRow>
      <EuiSpacer size="s" />
      <EuiButton size="s" type="submit" isDisabled={!complete} isLoading={request.isPending} data-test-subj={`request-give-${name}`}>{edits ? `Ask for it in place of ${edits}` : 'Ask for it'}</EuiButton>
      {request.error && (<><EuiSpacer size="s" /><ProblemNote error={request.error} /></>)}
    </EuiForm>
  );
}

/** A proposal that somebody wants otherwise. */
export function EditButton({ incident, from, edits }: { incident: Incident; from: Action; edits: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <div><EuiButtonEmpty size="s" iconType="pencil" onClick={() => setOpen(!open)} data-test-subj={`edit-${edits}`}>Change</EuiButtonEmpty></div>
      {open && <EuiPanel color="subdued" paddingSize="s"><RequestForm incident={incident} from={from} edits={edits} onDone={() => setOpen(false)} /></EuiPanel>}
    </>
  );
}

/** What people asked for and is no proposal, and a way to ask. */
export function Requests({ incident, requests, canAsk }: { incident: Incident; requests: RequestState[]; canAsk: boolean }) {
  const left = requests.filter((one) => !one.proposal);
  return (
    <>
      {left.map((one) => (
        <div key={one.seq} data-test-subj={`asked-${one.seq}`}>
          <EuiCallOut size="s" color={one.refused ? 'warning' : 'primary'} iconType="user" title={`${who(one.by)} asked for ${action(one.action)}`}>
            <EuiText size="s"><p>{one.refused ? `It can't be offered: ${one.refused}` : 'Resolver looks at the target.'}</p></EuiText>
          </EuiCallOut>
          <EuiSpacer size="s" />
        </div>
      ))}
      {canAsk && (
        <EuiPanel hasBorder paddingSize="m">
          <EuiTitle size="xs"><h3>Ask for an action</h3></EuiTitle>
          <EuiText size="s" color="subdued"><p>It is offered on the target as it is now, for others to approve.</p></EuiText>
          <EuiSpacer size="s" />
          <RequestForm incident={incident} />
        </EuiPanel>
      )}
    </>
  );
}

import {
  EuiButton, EuiButtonEmpty, EuiCallOut, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiForm, EuiFormRow, EuiSelect, EuiSpacer, EuiText,
} from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import type { Cause, Feedback, Hypothesis, Incident } from '../api/types';
import { causeKind, moment, place } from '../format';
import { ProblemNote } from './state';

/** A person's word on the first hypothesis; answers are scored by it. */
export function Judge({ incident, canJudge }: { incident: Incident; canJudge: boolean }) {
  const [wrong, setWrong] = useState(false);
  const mark = useMark(incident.incident_id);
  const first = incident.report?.hypotheses[0];
  if (!first) return null;
  const right = () => mark.mutate({ what: 'feedback', body: { right: true } });
  return (
    <div data-test-subj="judge">
      {incident.feedback && <Given feedback={incident.feedback} />}
      {canJudge && !wrong && (
        <EuiFlexGroup gutterSize="s" alignItems="center" responsive={false}>
          <EuiFlexItem grow={false}><EuiText size="s">{incident.feedback ? 'Judge again:' : `Is ${first.id} what it was?`}</EuiText></EuiFlexItem>
          <EuiFlexItem grow={false}><EuiButton size="s" color="success" iconType="check" isLoading={mark.isPending} onClick={right} data-test-subj="judge-right">Right</EuiButton></EuiFlexItem>
          <EuiFlexItem grow={false}><EuiButton size="s" color="danger" iconType="cross" onClick={() => setWrong(true)} data-test-subj="judge-wrong">Wrong</EuiButton></EuiFlexItem>
        </EuiFlexGroup>
      )}
      {canJudge && wrong && <Correct incident={incident} others={incident.report?.hypotheses.slice(1) ?? []} onDone={() => setWrong(false)} />}
      {mark.error && (<><EuiSpacer size="s" /><ProblemNote error={mark.error} /></>)}
    </div>
  );
}

function Given({ feedback }: { feedback: Feedback }) {
  const truth = feedback.cause ? `: it was ${place(feedback.cause)} (${causeKind(feedback.cause)})` : '';
  const title = feedback.right ? `${feedback.by} says that this is right` : `${feedback.by} says that this is wrong${truth}`;
  return (
    <>
      <EuiCallOut size="s" color={feedback.right ? 'success' : 'danger'} iconType="user" title={title} data-test-subj="judged">
        <EuiText size="s"><p>{[feedback.note, `${moment(feedback.at)} UTC`].filter(Boolean).join(' · ')}</p></EuiText>
      </EuiCallOut>
      <EuiSpacer size="s" />
    </>
  );
}

const UNKNOWN = 'unknown';
const OTHER = 'other';

/** What it was instead: another hypothesis, a service that none names, or nobody knows. */
function Correct({ incident, others, onDone }: { incident: Incident; others: Hypothesis[]; onDone: () => void }) {
  const [chosen, setChosen] = useState(UNKNOWN);
  const [service, setService] = useState('');
  const [note, setNote] = useState('');
  const mark = useMark(incident.incident_id);
  const options = [
    { value: UNKNOWN, text: 'I don’t know what it was' },
    ...others.map((one) => ({ value: one.id, text: `${one.id} · ${place(one.cause)} (${causeKind(one.cause)})` })),
    { value: OTHER, text: 'Another service' },
  ];
  const complete = chosen !== OTHER || service.trim() !== '';
  const give = () => mark.mutate({ what: 'feedback', body: { right: false, cause: cause(chosen, others, service.trim()), note: note.trim() || null } }, { onSuccess: onDone });
  return (
    <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); if (complete) give(); }}>
      <EuiFormRow label="What was it?"><EuiSelect compressed options={options} value={chosen} onChange={(event) => setChosen(event.target.value)} data-test-subj="judge-cause" /></EuiFormRow>
      {chosen === OTHER && <EuiFormRow label="Service"><EuiFieldText compressed value={service} onChange={(event) => setService(event.target.value)} data-test-subj="judge-service" /></EuiFormRow>}
      <EuiFormRow label="Note" helpText="Goes into the journal with your name."><EuiFieldText compressed value={note} onChange={(event) => setNote(event.target.value)} data-test-subj="judge-note" /></EuiFormRow>
      <EuiSpacer size="s" />
      <EuiFlexGroup gutterSize="s" responsive={false}>
        <EuiFlexItem grow={false}><EuiButton size="s" fill type="submit" isDisabled={!complete} isLoading={mark.isPending} data-test-subj="judge-give">It was wrong</EuiButton></EuiFlexItem>
        <EuiFlexItem grow={false}><EuiButtonEmpty size="s" onClick={onDone}>Cancel</EuiButtonEmpty></EuiFlexItem>
      </EuiFlexGroup>
      {mark.error && (<><EuiSpacer size="s" /><ProblemNote error={mark.error} /></>)}
    </EuiForm>
  );
}

function cause(chosen: string, others: Hypothesis[], service: string): Cause | null {
  if (chosen === OTHER) return { kind: 'service', 'service.name': service };
  return others.find((one) => one.id === chosen)?.cause ?? null;
}

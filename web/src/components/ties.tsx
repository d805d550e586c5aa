import { EuiCallOut, EuiLink, EuiSpacer, EuiText } from '@elastic/eui';
import { Fragment, type ReactNode } from 'react';
import { useNavigate } from 'react-router-dom';
import type { Incident } from '../api/types';
import { incidentPath, moment, who } from '../format';

export function IncidentLink({ id }: { id: string }) {
  const navigate = useNavigate();
  const path = incidentPath(id);
  return <EuiLink href={path} onClick={(event: React.MouseEvent) => { event.preventDefault(); navigate(path); }} data-test-subj={`to-${id}`}>{id}</EuiLink>;
}

/** Whom it hurts, and the incidents that this one came from and that came of it. */
export function Ties({ incident }: { incident: Incident }) {
  const { impact, absorbed = [], split_from, split_into = [] } = incident;
  const taken = absorbed.map((one) => ({ id: one.incident, more: named(one.findings) }));
  const split = split_into.map((one) => ({ id: one.into, more: named(one.findings.map((finding) => finding.id)) }));
  if (!impact && !split_from && taken.length + split.length === 0) return null;
  return (
    <>
      <EuiSpacer size="s" />
      <EuiText size="s" data-test-subj="ties">
        {impact && <div data-test-subj="impact"><strong>Impact:</strong> {impact}</div>}
        {taken.length > 0 && <div data-test-subj="absorbed">Merged into this one: <Links to={taken} /></div>}
        {split_from && <div data-test-subj="split-from">Split off from <IncidentLink id={split_from} /></div>}
        {split.length > 0 && <div data-test-subj="split-into">Findings split off into <Links to={split} /></div>}
      </EuiText>
    </>
  );
}

function named(findings: string[]): string {
  return findings.length > 0 ? ` (${findings.join(', ')})` : '';
}

function Links({ to }: { to: { id: string; more: string }[] }) {
  return <>{to.map(({ id, more }, at) => <Fragment key={id}>{at > 0 && ', '}<IncidentLink id={id} />{more}</Fragment>)}</>;
}

/** How it ended otherwise than resolved or closed, and why its report may not hold. */
export function TiedEnds({ incident }: { incident: Incident }) {
  const { voided, merged_into: merged } = incident;
  return (
    <>
      {voided && (
        <Said name="voided" icon="crossCircle" title={`Voided by ${who(voided.by)} at ${moment(voided.at)} UTC: declared by mistake`}>
          <p>{voided.reason}</p>
          <p>It counts in no list and no statistics, and can&apos;t be reopened. Nothing was deleted.</p>
        </Said>
      )}
      {merged && (
        <Said name="merged-into" icon="merge" title={`Merged by ${who(merged.by)} at ${moment(merged.at)} UTC`}>
          <p>{merged.reason}</p>
          <p>Its story goes on in <IncidentLink id={merged.into} />.</p>
        </Said>
      )}
    </>
  );
}

function Said({ name, icon, title, children }: { name: string; icon: string; title: string; children: ReactNode }) {
  return (
    <>
      <EuiSpacer size="m" />
      <EuiCallOut size="s" color="warning" iconType={icon} title={title} data-test-subj={name}><EuiText size="s">{children}</EuiText></EuiCallOut>
    </>
  );
}

/** The report explains what is no longer this incident. */
export function DoubtNote({ incident }: { incident: Incident }) {
  if (!incident.doubt) return null;
  const since = incident.doubt === 'raised' ? 'nobody has looked again yet' : 'looking again gave no other report: it is a person\'s turn';
  return (
    <EuiCallOut size="s" color="warning" iconType="question" title="The report explains what is no longer this incident" data-test-subj="doubt">
      <EuiText size="s"><p>{`Findings were split off since, and ${since}.`}</p></EuiText>
    </EuiCallOut>
  );
}

import { EuiButton, EuiButtonIcon, EuiCallOut, EuiSpacer, EuiText } from '@elastic/eui';
import { useState } from 'react';
import { useAutomation, useMe, useSwitch } from '../api/queries';
import { moment, who } from '../format';
import { AskReason } from './ask';

/** A stop concerns everybody: it is said on every page, and lifted from there. */
export function StopBanner() {
  const stopped = useAutomation().data?.stopped;
  const me = useMe().data;
  const [asked, setAsked] = useState(false);
  const resume = useSwitch('resume');
  if (!stopped) return null;
  const mayLift = me?.person === true && me.scopes.includes('actions:approve');
  return (
    <div data-test-subj="stop-banner">
      <EuiCallOut announceOnMount size="s" color="danger" iconType="stop" title={`Nothing is executed since ${moment(stopped.at)} UTC: stopped by ${who(stopped.by)}`}>
        <EuiText size="s"><p>{stopped.reason}</p></EuiText>
        {mayLift && <><EuiSpacer size="s" /><EuiButton size="s" color="danger" onClick={() => setAsked(true)} data-test-subj="resume">Lift the stop</EuiButton></>}
      </EuiCallOut>
      <EuiSpacer size="l" />
      {asked && (
        <AskReason title="Lift the stop" button="Lift it" isLoading={resume.isPending} error={resume.error} onClose={() => setAsked(false)}
          onGive={(reason) => resume.mutate({ reason }, { onSuccess: () => setAsked(false) })}>
          <p>What was approved and not yet executed may run at once.</p>
        </AskReason>
      )}
    </div>
  );
}

/** In the head of every page: what an on-call engineer reaches for when the machine itself is the trouble. */
export function StopButton() {
  const stopped = useAutomation().data?.stopped;
  const me = useMe().data;
  const [asked, setAsked] = useState(false);
  const stop = useSwitch('stop');
  if (stopped || !me?.scopes.includes('incidents:write')) return null;
  return (
    <>
      <EuiButtonIcon iconType="stop" color="danger" aria-label="Stop all executions" title="Stop all executions" onClick={() => setAsked(true)} data-test-subj="stop-all" />
      {asked && (
        <AskReason danger title="Stop all executions" button="Stop everything" isLoading={stop.isPending} error={stop.error} onClose={() => setAsked(false)}
          onGive={(reason) => stop.mutate({ reason }, { onSuccess: () => setAsked(false) })}>
          <p>Nothing is begun any more, in any incident, until a responder lifts it. What runs already is not interrupted.</p>
        </AskReason>
      )}
    </>
  );
}

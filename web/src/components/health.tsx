import { EuiCallOut, EuiSpacer } from '@elastic/eui';
import { asProblem } from '../api/client';
import { useHealth } from '../api/queries';
import type { Health } from '../api/types';
import { moment } from '../format';

/** Silence never looks like health: whatever stops the watching is said on every page. */
export function HealthBanner() {
  const health = useHealth();
  const said = health.error ? [`DataPulse does not say how it is: ${asProblem(health.error).message}`] : health.data ? worries(health.data) : [];
  return (
    <>
      {said.map((title) => (
        <div key={title} data-test-subj="health-banner">
          <EuiCallOut announceOnMount size="s" color="danger" iconType="warning" title={title} />
          <EuiSpacer size="l" />
        </div>
      ))}
    </>
  );
}

export function worries(health: Health): string[] {
  const said: string[] = [];
  if (!health.watching) said.push('Nobody watches: Sentinel does not run in this process');
  else if (health.sentinel_late) said.push(`Sentinel is late: ${health.last_tick ? `it last looked at ${moment(health.last_tick)} UTC` : 'it has not looked yet'}`);
  if (health.telemetry_stopped) {
    said.push(health.newest_telemetry ? `Telemetry has stopped: the newest document is from ${moment(health.newest_telemetry)} UTC` : 'No telemetry has come in yet');
  }
  if (health.failure) said.push(`The last look failed: ${health.failure}`);
  return said;
}

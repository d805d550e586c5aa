import { EuiBadge, EuiHealth } from '@elastic/eui';
import type { ProposalStage, RiskTier, Severity, Status } from '../api/types';
import { words } from '../format';

const SEVERITY = { critical: 'danger', high: 'danger', medium: 'warning', low: 'subdued' } as const;
const STATUS = {
  open: 'danger', investigating: 'warning', explained: 'warning', awaiting_approval: 'warning', approved: 'primary',
  executing: 'primary', verifying: 'primary', mitigated: 'success', resolved: 'success', closed: 'subdued', voided: 'subdued',
} as const;
const STAGE = {
  pending: 'warning', approved: 'primary', rejected: 'default', voided: 'default', executing: 'primary',
  executed: 'primary', withdrawn: 'default', checked: 'success', expired: 'default', not_decided: 'default',
} as const;
const RISK = { low: 'success', medium: 'warning', high: 'danger' } as const;
const OUTCOME: Record<string, 'success' | 'warning' | 'danger' | 'default'> = {
  succeeded: 'success', failed: 'danger', unknown: 'warning', recovered: 'success', no_effect: 'warning', worse: 'danger',
};

export function SeverityBadge({ severity }: { severity: Severity }) {
  const color = SEVERITY[severity] ?? 'default';
  return <EuiBadge color={color === 'subdued' ? 'default' : color}>{severity}</EuiBadge>;
}

export function StatusHealth({ status }: { status: Status }) {
  return <EuiHealth color={STATUS[status] ?? 'subdued'} textSize="xs">{words(status)}</EuiHealth>;
}

export function StageBadge({ stage }: { stage: ProposalStage | 'expired' | 'not_decided' }) {
  return <EuiBadge color={STAGE[stage] ?? 'default'}>{words(stage)}</EuiBadge>;
}

export function RiskBadge({ risk }: { risk: RiskTier }) {
  return <EuiBadge color={RISK[risk] ?? 'default'}>{`${risk} risk`}</EuiBadge>;
}

export function OutcomeBadge({ outcome }: { outcome: string }) {
  return <EuiBadge color={OUTCOME[outcome] ?? 'default'}>{words(outcome)}</EuiBadge>;
}

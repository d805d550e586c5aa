import { EuiBadge, EuiDescriptionList, EuiFlexGroup, EuiFlexItem, EuiListGroup, EuiPanel, EuiSpacer, EuiText, EuiTitle } from '@elastic/eui';
import { useState } from 'react';
import { useRunbooks } from '../api/queries';
import type { Runbook } from '../api/types';
import { Markdown } from '../components/markdown';
import { Loaded, Nothing } from '../components/state';
import { duration, words } from '../format';

export function Runbooks() {
  const runbooks = useRunbooks();
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <Loaded query={runbooks}>
      {({ items }) => {
        const shown = items.find((one) => one.id === chosen) ?? items[0];
        if (!shown) return <Nothing title="No runbooks" />;
        return (
          <EuiFlexGroup gutterSize="l" alignItems="flexStart">
            <EuiFlexItem grow={1}>
              <EuiPanel hasBorder paddingSize="s">
                <EuiListGroup
                  maxWidth={false}
                  wrapText
                  listItems={items.map((one) => ({ size: 's' as const, label: one.title, isActive: one.id === shown.id, onClick: () => setChosen(one.id) }))}
                />
              </EuiPanel>
            </EuiFlexItem>
            <EuiFlexItem grow={2}><One runbook={shown} /></EuiFlexItem>
          </EuiFlexGroup>
        );
      }}
    </Loaded>
  );
}

function One({ runbook }: { runbook: Runbook }) {
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="runbook">
      <EuiTitle size="s"><h2>{runbook.title}</h2></EuiTitle>
      <EuiText size="s" color="subdued">{runbook.summary}</EuiText>
      <EuiSpacer size="s" />
      <div>{runbook.signals.map((signal) => <EuiBadge key={signal} color="hollow">{words(signal)}</EuiBadge>)}</div>
      <EuiSpacer size="m" />
      <EuiDescriptionList
        compressed
        type="column"
        columnWidths={[1, 4]}
        listItems={runbook.actions.map((one) => ({
          title: words(one.kind),
          description: `${one.when} ${one.risk_note} Shows within ${duration(one.eta_s)}.`,
        }))}
      />
      <EuiSpacer size="m" />
      <Markdown text={runbook.content} />
    </EuiPanel>
  );
}

import { EuiButton, EuiCallOut, EuiCodeBlock, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiForm, EuiFormRow, EuiListGroup, EuiPanel, EuiSpacer, EuiText, EuiTitle } from '@elastic/eui';
import { useState } from 'react';
import { useRunTool, useTools } from '../api/queries';
import type { Json, Tool, ToolParameter } from '../api/types';
import { Rows } from '../components/rows';
import { Loaded, Nothing, ProblemNote } from '../components/state';
import { cell, number } from '../format';

export function Tools() {
  const tools = useTools();
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <Loaded query={tools}>
      {({ items }) => {
        const shown = items.find((one) => one.id === chosen) ?? items[0];
        if (!shown) return <Nothing title="No tools" />;
        return (
          <EuiFlexGroup gutterSize="l" alignItems="flexStart">
            <EuiFlexItem grow={1}>
              <EuiPanel hasBorder paddingSize="s">
                <EuiListGroup maxWidth={false} listItems={items.map((one) => ({ size: 's' as const, label: one.id, isActive: one.id === shown.id, onClick: () => setChosen(one.id) }))} />
              </EuiPanel>
            </EuiFlexItem>
            <EuiFlexItem grow={3}><One key={shown.id} tool={shown} /></EuiFlexItem>
          </EuiFlexGroup>
        );
      }}
    </Loaded>
  );
}

function One({ tool }: { tool: Tool }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const run = useRunTool(tool.id);
  const submit = () => {
    // The window goes beside the parameters; without one it is the last hour.
    const { from, to, ...parameters } = typed(tool.parameters, values);
    run.mutate({ from: text(from), to: text(to), parameters });
  };
  return (
    <EuiPanel hasBorder paddingSize="l">
      <EuiTitle size="s"><h2>{tool.id}</h2></EuiTitle>
      <EuiText size="s" color="subdued">{tool.description}</EuiText>
      <EuiSpacer size="m" />
      <EuiCodeBlock fontSize="s" paddingSize="s" isCopyable overflowHeight={240}>{tool.query}</EuiCodeBlock>
      <EuiSpacer size="m" />
      <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        {tool.parameters.map((one) => (
          <EuiFormRow key={one.name} label={`${one.name} (${one.type})`} helpText={one.description} fullWidth>
            <EuiFieldText
              fullWidth
              compressed
              placeholder={otherwise(one)}
              value={values[one.name] ?? ''}
              onChange={(event) => { const { value } = event.target; setValues((before) => ({ ...before, [one.name]: value })); }}
              data-test-subj={`parameter-${one.name}`}
            />
          </EuiFormRow>
        ))}
        <EuiSpacer size="m" />
        <EuiButton size="s" type="submit" iconType="play" isLoading={run.isPending} data-test-subj="run-tool">Run</EuiButton>
      </EuiForm>
      {run.error && (<><EuiSpacer size="m" /><ProblemNote error={run.error} /></>)}
      {run.data && (
        <div data-test-subj="tool-answer">
          <EuiSpacer size="m" />
          {run.data.warnings.map((note) => <EuiCallOut key={note} size="s" color="warning" title={note} />)}
          <Rows columns={run.data.columns} rows={run.data.rows} total={run.data.row_count} />
          <EuiText size="xs" color="subdued">{`${number(run.data.row_count)} rows in ${number(run.data.elapsed_ms)} ms`}</EuiText>
        </div>
      )}
    </EuiPanel>
  );
}

/** What is taken where nothing is typed. */
function otherwise(parameter: ToolParameter): string {
  if (parameter.name === 'from') return 'an hour before the end';
  if (parameter.name === 'to') return 'now';
  if (parameter.embeds) return `made from ${parameter.embeds}`;
  return parameter.default === undefined || parameter.default === null ? '' : cell(parameter.default);
}

/** What was typed, in the parameters' types; what was left empty takes its default. */
export function typed(parameters: ToolParameter[], values: Record<string, string>): Record<string, Json> {
  const given = parameters.filter((one) => (values[one.name] ?? '').trim() !== '');
  return Object.fromEntries(given.map((one) => [one.name, asType(one.type, values[one.name].trim())]));
}

/** What isn't said isn't sent. */
function text(value: Json): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asType(type: ToolParameter['type'], text: string): Json {
  switch (type) {
    case 'integer':
    case 'double':
      return Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'keywords':
      return text.split(',').map((one) => one.trim());
    case 'vector':
      return text.split(',').map(Number);
    default:
      return text;
  }
}

import {
  AnnotationDomainType, Axis, Chart, DARK_THEME, LIGHT_THEME, LineAnnotation, LineSeries, Position, ScaleType, Settings, Tooltip,
} from '@elastic/charts';
import { EuiFlexGroup, EuiFlexItem, EuiIcon, EuiPanel, EuiSpacer, EuiText, EuiTitle, useEuiTheme, type IconType } from '@elastic/eui';
import { useSeries } from '../api/queries';
import type { ServiceSeries, Window } from '../api/types';
import { clock, milliseconds, number } from '../format';
import { useTheme } from '../theme';
import { Loaded, Nothing } from './state';

const HEIGHT_PX = 144;
/** Between an action's start and the change that the target reports, in milliseconds. */
const SAME_MS = 5_000;
/** A line is enough; a lone value between gaps keeps its point. */
const LINE = { point: { visible: 'never' as const } };
/** Above the plot, for the marks. */
const ROOM = { chartMargins: { top: 16 }, background: { color: 'transparent' } };

const TONES = ['warning', 'danger', 'success'] as const;
type Tone = (typeof TONES)[number];

/** Something that happened at one moment, drawn as a line through the plot. */
export interface Mark {
  at: string;
  title: string;
  details: string;
  tone: Tone;
  icon: IconType;
}

interface Shown {
  service: string;
  /** The last hour, if nothing is said. */
  span?: Partial<Window>;
  /** Beside the changes that the API names. */
  marks?: Mark[];
}

/** Error rate and P99 of one service, with what was changed in that time. */
export function ServiceCharts({ service, span, marks = [] }: Shown) {
  const series = useSeries(service, span);
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj={`charts-${service}`}>
      <EuiTitle size="xs"><h2>{service}</h2></EuiTitle>
      <EuiSpacer size="s" />
      <Loaded query={series}>
        {(data) => (data.points.length === 0 ? <Nothing title="No telemetry in this window" /> : <Both service={service} data={data} marks={[...others(changes(data), marks), ...marks]} />)}
      </Loaded>
    </EuiPanel>
  );
}

function changes(data: ServiceSeries): Mark[] {
  return data.changes.map((one) => ({
    at: one.at,
    title: [one.change_kind ?? 'change', one.version].filter(Boolean).join(' '),
    details: one.description ?? one.deployment,
    tone: 'warning',
    icon: 'rocket',
  }));
}

/** What an action changed is reported as a change too: it is drawn once, as the action. */
function others(changes: Mark[], marks: Mark[]): Mark[] {
  const apart = (a: Mark, b: Mark) => Math.abs(Date.parse(a.at) - Date.parse(b.at)) > SAME_MS;
  return changes.filter((change) => marks.every((mark) => mark.tone !== 'success' || apart(change, mark)));
}

function Both({ service, data, marks }: { service: string; data: ServiceSeries; marks: Mark[] }) {
  const errors = data.points.map((point) => ({ at: Date.parse(point.at), value: point.error_rate == null ? null : point.error_rate * 100 }));
  const p99 = data.points.map((point) => ({ at: Date.parse(point.at), value: point.p99_ms ?? null }));
  return (
    <EuiFlexGroup gutterSize="l">
      <EuiFlexItem><OneChart name="Error rate" of={service} points={errors} marks={marks} format={(value) => `${number(value)} %`} /></EuiFlexItem>
      <EuiFlexItem><OneChart name={data.p99_is ?? 'P99'} of={service} points={p99} marks={marks} format={milliseconds} /></EuiFlexItem>
    </EuiFlexGroup>
  );
}

interface One {
  name: string;
  of: string;
  points: { at: number; value: number | null }[];
  marks: Mark[];
  format: (value: number) => string;
}

function OneChart({ name, of, points, marks, format }: One) {
  const { mode } = useTheme();
  const { euiTheme } = useEuiTheme();
  if (points.every((point) => point.value === null)) {
    return (<><EuiText size="xs" color="subdued">{name}</EuiText><Nothing title="Not measured" /></>);
  }
  const time = (at: number) => clock(new Date(at).toISOString());
  return (
    <>
      <EuiText size="xs" color="subdued">{name}</EuiText>
      <Chart size={{ height: HEIGHT_PX }}>
        <Settings baseTheme={mode === 'dark' ? DARK_THEME : LIGHT_THEME} showLegend={false} theme={ROOM} ariaLabel={`${name} of ${of}`} locale="en" />
        <Tooltip headerFormatter={({ value: at }) => `${time(Number(at))} UTC`} />
        <Axis id="time" position={Position.Bottom} ticks={4} tickFormat={(at: number) => time(at).slice(0, 5)} />
        <Axis id="value" position={Position.Left} ticks={3} tickFormat={format} gridLine={{ visible: true }} domain={{ min: 0, max: NaN }} />
        {lines(marks, points, euiTheme.colors)}
        <LineSeries id={name} xScaleType={ScaleType.Time} yScaleType={ScaleType.Linear} timeZone="UTC" xAccessor="at" yAccessors={['value']} data={points} lineSeriesStyle={LINE} />
      </Chart>
    </>
  );
}

/**
 * The marks that lie within the plot: beyond it there is nothing to hold them against. Elements, not a component: a chart
 * whose parts render by themselves forgets the rest of itself.
 */
function lines(marks: Mark[], points: One['points'], colors: Record<Tone, string>) {
  const [first, last] = [points[0].at, points[points.length - 1].at];
  return TONES.flatMap((tone) => {
    const within = marks.filter((one) => one.tone === tone && Date.parse(one.at) >= first && Date.parse(one.at) <= last);
    if (within.length === 0) return [];
    const shown = within.map((one) => ({ dataValue: Date.parse(one.at), header: one.title, details: one.details }));
    const icon = (at: number) => within.find((one) => Date.parse(one.at) === at)?.icon ?? 'dot';
    return [
      <LineAnnotation
        key={tone}
        id={tone}
        domainType={AnnotationDomainType.XDomain}
        dataValues={shown}
        style={{ line: { stroke: colors[tone], strokeWidth: 1, opacity: 1 } }}
        marker={(mark) => <EuiIcon type={icon(mark.dataValue)} color={tone} size="s" aria-label={mark.header ?? 'mark'} />}
        markerPosition={Position.Top}
      />,
    ];
  });
}

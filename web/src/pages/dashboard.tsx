import {
  EuiBasicTable, EuiFieldSearch, EuiFlexGrid, EuiFlexGroup, EuiFlexItem, EuiHealth, EuiLink, EuiPanel, EuiSelect, EuiSpacer, EuiText, EuiTitle,
  type Criteria, type EuiBasicTableColumn,
} from '@elastic/eui';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useIncidents, useMe, useServices, type IncidentFilter } from '../api/queries';
import type { ServiceHealth, Severity, Status, Summary, Window } from '../api/types';
import { SeverityBadge, StatusHealth } from '../components/badges';
import { Declare } from '../components/declare';
import { ServiceCharts } from '../components/charts';
import { Loaded, Nothing, ProblemNote } from '../components/state';
import { confidence, incidentPath, milliseconds, moment, number, percent, servicePath } from '../format';

const STATUSES = ['open', 'investigating', 'explained', 'awaiting_approval', 'approved', 'executing', 'verifying', 'mitigated', 'resolved', 'closed', 'voided'];
const SEVERITIES = ['critical', 'high', 'medium', 'low'];
const PAGE_SIZES = [10, 25, 50];
/** Charts on the dashboard: those in trouble first; the Services page has them all. */
const CHARTED = 4;

export function Dashboard() {
  return (
    <>
      <Incidents />
      <EuiSpacer size="l" />
      <Services />
    </>
  );
}

function Incidents() {
  const [filter, setFilter] = useState<IncidentFilter>({ offset: 0, limit: PAGE_SIZES[0], sort: '-opened_at' });
  const page = useIncidents(filter);
  const canDeclare = useMe().data?.scopes.includes('incidents:write') ?? false;
  const set = (change: Partial<IncidentFilter>) => setFilter((before) => ({ ...before, offset: 0, ...change }));
  const descending = filter.sort.startsWith('-');
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="incidents">
      <EuiFlexGroup gutterSize="m" alignItems="center">
        <EuiFlexItem><EuiTitle size="xs"><h2>Incidents</h2></EuiTitle></EuiFlexItem>
        <EuiFlexItem><EuiFieldSearch compressed fullWidth aria-label="Search incidents" placeholder="Search" onSearch={(text) => set({ text: text || undefined })} /></EuiFlexItem>
        <EuiFlexItem grow={false}><Choice label="Any status" among={STATUSES} onChoose={(status) => set({ status })} /></EuiFlexItem>
        <EuiFlexItem grow={false}><Choice label="Any severity" among={SEVERITIES} onChoose={(severity) => set({ severity })} /></EuiFlexItem>
        {canDeclare && <EuiFlexItem grow={false}><Declare /></EuiFlexItem>}
      </EuiFlexGroup>
      <EuiSpacer size="m" />
      {page.error && <ProblemNote error={page.error} />}
      <EuiBasicTable<Summary>
        tableCaption="Incidents"
        compressed
        itemId="incident_id"
        items={page.data?.items ?? []}
        columns={useIncidentColumns()}
        loading={page.isFetching && !page.data}
        noItemsMessage={page.isPending ? 'Asking…' : <Nothing title="No incidents">None has been opened, or none fits the filter.</Nothing>}
        pagination={{ pageIndex: filter.offset / filter.limit, pageSize: filter.limit, totalItemCount: page.data?.total ?? 0, pageSizeOptions: PAGE_SIZES }}
        sorting={{ sort: { field: filter.sort.replace(/^-/, '') as keyof Summary, direction: descending ? 'desc' : 'asc' } }}
        onChange={({ page: at, sort }: Criteria<Summary>) =>
          setFilter((before) => ({
            ...before,
            ...(at ? { offset: at.index * at.size, limit: at.size } : {}),
            ...(sort ? { sort: `${sort.direction === 'desc' ? '-' : ''}${String(sort.field)}` } : {}),
          }))
        }
      />
    </EuiPanel>
  );
}

function Choice({ label, among, onChoose }: { label: string; among: string[]; onChoose: (value: string | undefined) => void }) {
  const options = [{ value: '', text: label }, ...among.map((value) => ({ value, text: value.replaceAll('_', ' ') }))];
  return <EuiSelect compressed aria-label={label} options={options} onChange={(event) => onChoose(event.target.value || undefined)} />;
}

function useIncidentColumns(): EuiBasicTableColumn<Summary>[] {
  const navigate = useNavigate();
  return [
    { field: 'severity', name: 'Severity', width: '96px', sortable: true, render: (severity: Severity) => <SeverityBadge severity={severity} /> },
    { field: 'status', name: 'Status', width: '168px', sortable: true, render: (status: Status) => <StatusHealth status={status} /> },
    {
      field: 'title', name: 'Incident', truncateText: { lines: 2 },
      render: (title: string, incident: Summary) => {
        const path = incidentPath(incident.incident_id);
        return (
          <EuiLink href={path} onClick={(event: React.MouseEvent) => { event.preventDefault(); navigate(path); }} data-test-subj={`open-${incident.incident_id}`}>
            {title}
          </EuiLink>
        );
      },
    },
    { name: 'Service', width: '160px', truncateText: true, render: (incident: Summary) => incident['service.name'] },
    {
      name: 'Cause', truncateText: { lines: 2 },
      render: (incident: Summary) => incident.cause ?? (incident.person_needed ? `A person is asked: ${incident.person_needed}` : '–'),
    },
    { field: 'owner', name: 'Owner', width: '112px', truncateText: true, render: (owner: string | null | undefined, incident: Summary) => owner ?? incident.team ?? '–' },
    { field: 'opened_at', name: 'Opened (UTC)', width: '168px', sortable: true, render: (at: string) => moment(at) },
    { field: 'confidence', name: 'Confidence', width: '104px', align: 'right', render: (share: number | null | undefined) => confidence(share) },
  ];
}

/** Those with incidents first, then the most critical: an order that doesn't change with every measurement. */
export function worstFirst(services: ServiceHealth[]): ServiceHealth[] {
  const criticality = (one: ServiceHealth) => one.criticality ?? Number.MAX_SAFE_INTEGER;
  return [...services].sort(
    (a, b) => b.open_incidents - a.open_incidents || criticality(a) - criticality(b) || a['service.name'].localeCompare(b['service.name']),
  );
}

function Services() {
  const services = useServices();
  const navigate = useNavigate();
  return (
    <Loaded query={services}>
      {(page) => {
        if (page.items.length === 0) return <EuiPanel hasBorder><Nothing title="No services">Services appear here as soon as telemetry names them.</Nothing></EuiPanel>;
        const charted = worstFirst(page.items).slice(0, CHARTED);
        return (
          <>
            <EuiFlexGrid columns={2} gutterSize="l">
              {charted.map((one) => (
                <EuiFlexItem key={one['service.name']}><ServiceCharts service={one['service.name']} /></EuiFlexItem>
              ))}
            </EuiFlexGrid>
            <EuiSpacer size="l" />
            <ServiceTable services={page.items} p99Is={page.p99_is} window={page.window} onChoose={(service) => navigate(servicePath(service))} />
          </>
        );
      }}
    </Loaded>
  );
}

export function ServiceTable({ services, p99Is, window, onChoose }: { services: ServiceHealth[]; p99Is?: string | null; window: Window; onChoose: (service: string) => void }) {
  const columns: EuiBasicTableColumn<ServiceHealth>[] = [
    {
      name: 'Service', truncateText: true,
      render: (one: ServiceHealth) => <EuiLink onClick={() => onChoose(one['service.name'])}>{one['service.name']}</EuiLink>,
    },
    { name: 'State', width: '160px', render: (one: ServiceHealth) => <State of={one} /> },
    { field: 'team', name: 'Team', truncateText: true, render: (value: string | null | undefined) => value ?? '–' },
    { field: 'on_call', name: 'On call', truncateText: true, render: (value: string | null | undefined) => value ?? '–' },
    { field: 'criticality', name: 'Criticality', width: '96px', align: 'right', render: (value: number | null | undefined) => value ?? '–' },
    { field: 'requests', name: 'Requests', align: 'right', render: (value: number | null | undefined) => number(value) },
    { field: 'error_rate', name: 'Error rate', align: 'right', render: (value: number | null | undefined) => percent(value) },
    { field: 'p99_ms', name: p99Is ?? 'P99', align: 'right', render: (value: number | null | undefined) => milliseconds(value) },
  ];
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="service-health">
      <EuiTitle size="xs"><h2>Service health</h2></EuiTitle>
      <EuiSpacer size="s" />
      <EuiBasicTable<ServiceHealth> tableCaption="Service health" compressed items={worstFirst(services)} columns={columns} />
      <EuiSpacer size="s" />
      <EuiText size="xs" color="subdued">{`${moment(window.from)} to ${moment(window.to)} UTC. Without telemetry there is no number: a dash is not a zero.`}</EuiText>
    </EuiPanel>
  );
}

function State({ of }: { of: ServiceHealth }) {
  if (of.open_incidents > 0) {
    return <EuiHealth color="danger" textSize="xs">{of.open_incidents === 1 ? '1 incident' : `${of.open_incidents} incidents`}</EuiHealth>;
  }
  if (!of.requests && of.error_rate == null && of.p99_ms == null) return <EuiHealth color="warning" textSize="xs">silent</EuiHealth>;
  return <EuiHealth color="success" textSize="xs">no incident</EuiHealth>;
}

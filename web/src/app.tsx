import { EuiButtonIcon, EuiFlexGroup, EuiFlexItem, EuiHeader, EuiHeaderLink, EuiHeaderLinks, EuiHeaderSection, EuiHeaderSectionItem, EuiHealth, EuiLoadingSpinner, EuiPageTemplate, EuiText } from '@elastic/eui';
import { lazy, Suspense, useEffect } from 'react';
import { Route, Routes, useLocation, useNavigate } from 'react-router-dom';
import { asProblem } from './api/client';
import { useHealth, useLogOut, useMe } from './api/queries';
import { useStream, type StreamState } from './api/stream';
import { StopBanner, StopButton } from './components/automation';
import { HealthBanner } from './components/health';
import { ProblemNote } from './components/state';
import { clock } from './format';
import { Login, NoSuchPage } from './pages/login';
import { IncidentPage } from './pages/incident';
import { useTheme } from './theme';

// The charts are the largest part; the incident page, where people are sent to, doesn't wait for them.
const Dashboard = lazy(() => import('./pages/dashboard').then((page) => ({ default: page.Dashboard })));
const Services = lazy(() => import('./pages/services').then((page) => ({ default: page.Services })));
const Runbooks = lazy(() => import('./pages/runbooks').then((page) => ({ default: page.Runbooks })));
const Tools = lazy(() => import('./pages/tools').then((page) => ({ default: page.Tools })));
const Silences = lazy(() => import('./pages/silences').then((page) => ({ default: page.Silences })));
const AuditPage = lazy(() => import('./pages/audit').then((page) => ({ default: page.AuditPage })));

/** The router's next ways, taken now: without them it warns on every page. */
export const ROUTER_FUTURE = { v7_startTransition: true, v7_relativeSplatPath: true };

const PAGES = [
  { path: '/', name: 'Dashboard' },
  { path: '/services', name: 'Services' },
  { path: '/runbooks', name: 'Runbooks' },
  { path: '/tools', name: 'Tools' },
  { path: '/silences', name: 'Silences' },
  { path: '/audit', name: 'Audit' },
];

export function App() {
  const me = useMe();
  const stream = useStream(Boolean(me.data));
  if (me.error && asProblem(me.error).status === 401) return <Login />;
  return (
    <>
      <Head stream={stream} person={me.data && `${me.data.name} · ${me.data.role}`} session={Boolean(me.data?.csrf_token)} />
      <EuiPageTemplate restrictWidth={1680} paddingSize="l" grow>
        <EuiPageTemplate.Section paddingSize="l">
          {me.error ? <ProblemNote error={me.error} /> : null}
          {me.data && (
            <>
              <HealthBanner />
              <StopBanner />
              <Suspense fallback={<EuiLoadingSpinner size="l" />}><Pages /></Suspense>
            </>
          )}
        </EuiPageTemplate.Section>
      </EuiPageTemplate>
    </>
  );
}

function Pages() {
  return (
    <Routes>
      <Route path="/" element={<Dashboard />} />
      <Route path="/incidents/:id" element={<IncidentPage />} />
      <Route path="/services" element={<Services />} />
      <Route path="/services/:name" element={<Services />} />
      <Route path="/runbooks" element={<Runbooks />} />
      <Route path="/tools" element={<Tools />} />
      <Route path="/silences" element={<Silences />} />
      <Route path="/audit" element={<AuditPage />} />
      <Route path="*" element={<NoSuchPage />} />
    </Routes>
  );
}

const STREAM: Record<StreamState, { color: string; says: string }> = {
  connecting: { color: 'subdued', says: 'connecting' },
  live: { color: 'success', says: 'live' },
  away: { color: 'warning', says: 'not live: reconnecting' },
};

/** What the browser's tab is called. */
function titled(path: string): string {
  const incident = /^\/incidents\/([^/]+)/.exec(path);
  const page = PAGES.find((one) => one.path !== '/' && path.startsWith(one.path));
  return incident ? incident[1] : (page?.name ?? PAGES[0].name);
}

/** The server's clock: what all times on the pages are held against. A demo's runs faster than the wall's. */
function ServerClock() {
  const health = useHealth().data;
  if (!health) return null;
  const speed = health.clock_speed === 1 ? '' : ` · ${health.clock_speed}× speed`;
  return <EuiText size="s" color="subdued" data-test-subj="server-clock">{`${clock(health.now)} UTC${speed}`}</EuiText>;
}

function Head({ stream, person, session }: { stream: StreamState; person: string | undefined; session: boolean }) {
  const { mode, toggle } = useTheme();
  const logOut = useLogOut();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const here = (path: string) => (path === '/' ? pathname === '/' || pathname.startsWith('/incidents') : pathname.startsWith(path));
  useEffect(() => {
    document.title = `${titled(pathname)} · DataPulse`;
  }, [pathname]);
  const to = (path: string) => (event: React.MouseEvent) => { event.preventDefault(); navigate(path); };
  return (
    <EuiHeader>
      <EuiHeaderSection grow={false}>
        <EuiHeaderSectionItem>
          <EuiHeaderLink iconType="/favicon.svg" color="text" href="/" onClick={to('/')}><strong>DataPulse</strong></EuiHeaderLink>
        </EuiHeaderSectionItem>
        <EuiHeaderSectionItem>
          <EuiHeaderLinks aria-label="Pages" popoverBreakpoints={['xs', 's']}>
            {PAGES.map(({ path, name }) => <EuiHeaderLink key={path} href={path} isActive={here(path)} onClick={to(path)}>{name}</EuiHeaderLink>)}
          </EuiHeaderLinks>
        </EuiHeaderSectionItem>
      </EuiHeaderSection>
      <EuiHeaderSection side="right">
        <EuiHeaderSectionItem>
          <EuiFlexGroup gutterSize="l" alignItems="center" responsive={false}>
            <EuiFlexItem grow={false}><EuiHealth color={STREAM[stream].color} textSize="s" data-test-subj={`stream-${stream}`}>{STREAM[stream].says}</EuiHealth></EuiFlexItem>
            {person && <EuiFlexItem grow={false}><ServerClock /></EuiFlexItem>}
            <EuiFlexItem grow={false}><EuiText size="s">{person}</EuiText></EuiFlexItem>
            {person && <EuiFlexItem grow={false}><StopButton /></EuiFlexItem>}
            {session && (
              <EuiFlexItem grow={false}>
                <EuiButtonIcon iconType="logOut" color="text" aria-label="Log out" isLoading={logOut.isPending} onClick={() => logOut.mutate()} data-test-subj="log-out" />
              </EuiFlexItem>
            )}
            <EuiFlexItem grow={false}>
              <EuiButtonIcon iconType={mode === 'dark' ? 'sun' : 'moon'} color="text" aria-label={mode === 'dark' ? 'Light' : 'Dark'} onClick={toggle} data-test-subj="color-mode" />
            </EuiFlexItem>
          </EuiFlexGroup>
        </EuiHeaderSectionItem>
      </EuiHeaderSection>
    </EuiHeader>
  );
}

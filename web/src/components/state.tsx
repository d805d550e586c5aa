import { EuiCallOut, EuiEmptyPrompt, EuiSkeletonText, EuiText } from '@elastic/eui';
import type { ReactNode } from 'react';
import { asProblem } from '../api/client';

/** A failure in the API's own words, with the id that its log has. */
export function ProblemNote({ error }: { error: unknown }) {
  const problem = asProblem(error);
  return (
    <EuiCallOut announceOnMount title={problem.title} color="danger" iconType="error" size="s" data-test-subj="problem">
      <EuiText size="s">
        <p>{problem.message}</p>
        {problem.correlationId && <p>Correlation id: {problem.correlationId}</p>}
      </EuiText>
    </EuiCallOut>
  );
}

export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  return <EuiEmptyPrompt titleSize="xs" paddingSize="s" title={<h3>{title}</h3>} body={children ? <p>{children}</p> : undefined} data-test-subj="nothing" />;
}

interface Asked<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
}

/** What a query gave: its data, or that it is under way, or why it failed. */
export function Loaded<T>({ query, children }: { query: Asked<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error ? <ProblemNote error={query.error} /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <ProblemNote error={query.error} />;
  return <EuiSkeletonText lines={4} isLoading={query.isPending} />;
}

import { EuiButton, EuiSpacer } from '@elastic/eui';
import { usePostmortem } from '../api/queries';
import { ProblemNote } from './state';

/** A draft of a post-mortem as a Markdown file. */
export function PostmortemButton({ incident }: { incident: string }) {
  const draft = usePostmortem(incident);
  const fetch = () => draft.mutate(undefined, { onSuccess: (markdown) => save(`${incident}.md`, markdown) });
  return (
    <>
      <EuiButton size="s" iconType="document" isLoading={draft.isPending} onClick={fetch} data-test-subj="postmortem">Post-mortem</EuiButton>
      {draft.error && (<><EuiSpacer size="s" /><ProblemNote error={draft.error} /></>)}
    </>
  );
}

function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

import { EuiButton, EuiCode, EuiEmptyPrompt, EuiPageTemplate } from '@elastic/eui';
import { BASE } from '../api/client';
import { useLoginSettings } from '../api/queries';

/** Who isn't logged in learns how to be; nothing else is shown. */
export function Login() {
  const provider = useLoginSettings().data?.enabled ?? false;
  return (
    <EuiPageTemplate restrictWidth={720} grow>
      <EuiPageTemplate.EmptyPrompt
        iconType="key"
        title={<h1>{provider ? 'Log in' : 'Log in with a one-time link'}</h1>}
        actions={provider ? <EuiButton fill href={`${BASE}/oidc/login`} data-test-subj="login-provider">Log in with your organisation</EuiButton> : undefined}
        body={
          <>
            {provider && <p>Your organisation&apos;s identity provider says who you are; your groups say what you may do. There is another way:</p>}
            <p>The program prints a link when it starts. It works once, and opens a session in this browser.</p>
            <p>Another one, on the machine where it runs: <EuiCode>datapulse token login-link</EuiCode></p>
          </>
        }
        data-test-subj="login"
      />
    </EuiPageTemplate>
  );
}

export function NoSuchPage() {
  return <EuiEmptyPrompt iconType="question" title={<h1>There is no such page</h1>} />;
}

import { EuiCode, EuiEmptyPrompt, EuiPageTemplate } from '@elastic/eui';

/** Who isn't logged in learns how to be; nothing else is shown. */
export function Login() {
  return (
    <EuiPageTemplate restrictWidth={720} grow>
      <EuiPageTemplate.EmptyPrompt
        iconType="key"
        title={<h1>Log in with a one-time link</h1>}
        body={
          <>
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

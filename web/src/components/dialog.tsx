import { EuiButton, EuiButtonEmpty, EuiForm, EuiModal, EuiModalBody, EuiModalFooter, EuiModalHeader, EuiModalHeaderTitle, EuiSpacer } from '@elastic/eui';
import type { ReactNode } from 'react';
import { ProblemNote } from './state';

interface Wanted {
  /** What its parts are called in tests. */
  name: string;
  title: string;
  button: string;
  danger?: boolean;
  /** All that the API wants is there. */
  complete: boolean;
  isLoading: boolean;
  error: unknown;
  onGive: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** What a person is asked before something is recorded, and why it was refused. */
export function Dialog({ name, title, button, danger, complete, isLoading, error, onGive, onClose, children }: Wanted) {
  const give = () => { if (complete && !isLoading) onGive(); };
  return (
    <EuiModal onClose={onClose} aria-labelledby={`${name}-title`} maxWidth={520} data-test-subj={`${name}-dialog`}>
      <EuiModalHeader><EuiModalHeaderTitle id={`${name}-title`} size="s">{title}</EuiModalHeaderTitle></EuiModalHeader>
      <EuiModalBody>
        <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); give(); }}>{children}</EuiForm>
        {error ? <><EuiSpacer size="s" /><ProblemNote error={error} /></> : null}
      </EuiModalBody>
      <EuiModalFooter>
        <EuiButtonEmpty size="s" onClick={onClose}>Cancel</EuiButtonEmpty>
        <EuiButton size="s" fill color={danger ? 'danger' : 'primary'} isDisabled={!complete} isLoading={isLoading} onClick={give} data-test-subj={`${name}-give`}>{button}</EuiButton>
      </EuiModalFooter>
    </EuiModal>
  );
}

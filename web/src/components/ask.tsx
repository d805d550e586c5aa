import { EuiButton, EuiButtonEmpty, EuiForm, EuiFormRow, EuiModal, EuiModalBody, EuiModalFooter, EuiModalHeader, EuiModalHeaderTitle, EuiSpacer, EuiText, EuiTextArea } from '@elastic/eui';
import { useState, type ReactNode } from 'react';
import { ProblemNote } from './state';

interface Wanted {
  title: string;
  button: string;
  danger?: boolean;
  label?: string;
  children?: ReactNode;
  isLoading: boolean;
  error: unknown;
  onGive: (reason: string) => void;
  onClose: () => void;
}

/** Asks why, before something is done that everybody will read about. */
export function AskReason({ title, button, danger, label, children, isLoading, error, onGive, onClose }: Wanted) {
  const [reason, setReason] = useState('');
  const given = reason.trim();
  const give = () => { if (given !== '') onGive(given); };
  return (
    <EuiModal onClose={onClose} aria-labelledby="ask-title" maxWidth={520}>
      <EuiModalHeader><EuiModalHeaderTitle id="ask-title" size="s">{title}</EuiModalHeaderTitle></EuiModalHeader>
      <EuiModalBody>
        {children && <><EuiText size="s">{children}</EuiText><EuiSpacer size="m" /></>}
        <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); give(); }}>
          <EuiFormRow label={label ?? 'Reason'} helpText="Goes into the journal with your name.">
            <EuiTextArea compressed rows={3} value={reason} onChange={(event) => setReason(event.target.value)} data-test-subj="ask-reason" />
          </EuiFormRow>
        </EuiForm>
        {error ? <><EuiSpacer size="s" /><ProblemNote error={error} /></> : null}
      </EuiModalBody>
      <EuiModalFooter>
        <EuiButtonEmpty size="s" onClick={onClose}>Cancel</EuiButtonEmpty>
        <EuiButton size="s" fill color={danger ? 'danger' : 'primary'} isDisabled={given === ''} isLoading={isLoading} onClick={give} data-test-subj="ask-give">{button}</EuiButton>
      </EuiModalFooter>
    </EuiModal>
  );
}

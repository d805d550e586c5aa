import { EuiButton, EuiButtonEmpty, EuiFieldText, EuiFormRow, EuiModal, EuiModalBody, EuiModalFooter, EuiModalHeader, EuiModalHeaderTitle, EuiSelect, EuiSpacer } from '@elastic/eui';
import { useState } from 'react';
import { useDeclare } from '../api/queries';
import type { Declaration, Severity } from '../api/types';
import { ProblemNote } from './state';

const SEVERITIES = ['critical', 'high', 'medium', 'low'].map((value) => ({ value, text: value }));
const FIELDS = [['service.name', 'Service'], ['title', 'What is wrong'], ['reason', 'Reason']] as const;

/** A person declares an incident: the Analyst starts as if Sentinel had found it. */
export function Declare() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <EuiButton size="s" iconType="plus" onClick={() => setOpen(true)} data-test-subj="declare">Declare</EuiButton>
      {open && <Form onClose={() => setOpen(false)} />}
    </>
  );
}

function Form({ onClose }: { onClose: () => void }) {
  const [values, setValues] = useState<Declaration>({ 'service.name': '', title: '', reason: '', severity: 'high' });
  const declare = useDeclare();
  const set = (change: Partial<Declaration>) => setValues((before) => ({ ...before, ...change }));
  const complete = FIELDS.every(([name]) => values[name].trim() !== '');
  return (
    <EuiModal onClose={onClose} aria-labelledby="declare-title" maxWidth={480}>
      <EuiModalHeader><EuiModalHeaderTitle id="declare-title" size="s">Declare an incident</EuiModalHeaderTitle></EuiModalHeader>
      <EuiModalBody>
        {FIELDS.map(([name, label]) => (
          <EuiFormRow key={name} label={label}>
            <EuiFieldText compressed value={values[name]} onChange={(event) => set({ [name]: event.target.value })} data-test-subj={`declare-${name}`} />
          </EuiFormRow>
        ))}
        <EuiFormRow label="Severity"><EuiSelect compressed options={SEVERITIES} value={values.severity} onChange={(event) => set({ severity: event.target.value as Severity })} /></EuiFormRow>
        {declare.error && (<><EuiSpacer size="s" /><ProblemNote error={declare.error} /></>)}
      </EuiModalBody>
      <EuiModalFooter>
        <EuiButtonEmpty size="s" onClick={onClose}>Cancel</EuiButtonEmpty>
        <EuiButton size="s" fill isDisabled={!complete} isLoading={declare.isPending} onClick={() => declare.mutate(values, { onSuccess: onClose })} data-test-subj="declare-give">Declare</EuiButton>
      </EuiModalFooter>
    </EuiModal>
  );
}

import { EuiSpacer } from '@elastic/eui';
import { useNavigate, useParams } from 'react-router-dom';
import { useServices } from '../api/queries';
import { ServiceCharts } from '../components/charts';
import { Loaded, Nothing } from '../components/state';
import { servicePath } from '../format';
import { ServiceTable, worstFirst } from './dashboard';

export function Services() {
  const services = useServices();
  const { name: chosen } = useParams();
  const navigate = useNavigate();
  return (
    <Loaded query={services}>
      {(page) => {
        const shown = page.items.find((one) => one['service.name'] === chosen) ?? worstFirst(page.items)[0];
        if (!shown) return <Nothing title="No services">Services appear here as soon as telemetry names them.</Nothing>;
        return (
          <>
            <ServiceCharts service={shown['service.name']} />
            <EuiSpacer size="l" />
            <ServiceTable services={page.items} p99Is={page.p99_is} window={page.window} onChoose={(service) => navigate(servicePath(service))} />
          </>
        );
      }}
    </Loaded>
  );
}

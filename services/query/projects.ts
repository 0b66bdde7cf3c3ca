import type { ProjectRequest } from "./route.ts";

/** GET /projects: the one project of the key. SDKs ask it to check their keys and to build links (read-api §10.2). */
export async function getProjects({ caller }: ProjectRequest): Promise<object> {
  const { project, organization } = caller;
  return {
    data: [
      {
        id: project.id,
        name: project.name,
        organization: { id: organization.id, name: organization.name },
        metadata: {},
      },
    ],
  };
}

-- CreateEnum
CREATE TYPE "CombinedRoleState" AS ENUM ('WANTED', 'ACTIVE', 'UNWANTED');

-- AlterTable
ALTER TABLE "owned_name" ADD COLUMN     "combined_role_id" UUID,
ADD COLUMN     "external_role_id" UUID;

-- AlterTable
ALTER TABLE "grant" ADD COLUMN     "external_role_id" UUID,
ALTER COLUMN "port_id" DROP NOT NULL;

-- CreateTable
CREATE TABLE "external_role" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "component_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "external_role_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "external_role_field" (
    "external_role_id" UUID NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "external_role_field_pkey" PRIMARY KEY ("external_role_id","name")
);

-- CreateTable
CREATE TABLE "combined_role" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "member_ids" UUID[],
    "state" "CombinedRoleState" NOT NULL DEFAULT 'WANTED',
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),
    "cost" JSONB,

    CONSTRAINT "combined_role_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "access_block" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "subject" TEXT,
    "port_id" UUID,
    "reason" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "operation_token" UUID,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "until" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,

    CONSTRAINT "access_block_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "access_change" (
    "generation" BIGINT NOT NULL,
    "holders" UUID[],
    "blocks" BOOLEAN NOT NULL DEFAULT false,
    "groups" BOOLEAN NOT NULL DEFAULT false,
    "everything" BOOLEAN NOT NULL DEFAULT false,
    "stamp" UUID NOT NULL DEFAULT gen_random_uuid(),

    CONSTRAINT "access_change_pkey" PRIMARY KEY ("generation")
);

-- CreateTable
CREATE TABLE "access_use" (
    "id" BIGSERIAL NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "port_id" UUID,
    "subject" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "access_use_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "external_role_hasura_id_component_id_idx" ON "external_role"("hasura_id", "component_id");

-- CreateIndex
CREATE UNIQUE INDEX "external_role_hasura_id_name_key" ON "external_role"("hasura_id", "name");

-- CreateIndex
CREATE INDEX "combined_role_hasura_id_state_idx" ON "combined_role"("hasura_id", "state");

-- CreateIndex
CREATE UNIQUE INDEX "combined_role_hasura_id_name_key" ON "combined_role"("hasura_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "combined_role_hasura_id_member_ids_key" ON "combined_role"("hasura_id", "member_ids");

-- CreateIndex
CREATE INDEX "access_block_hasura_id_ended_at_idx" ON "access_block"("hasura_id", "ended_at");

-- CreateIndex
CREATE INDEX "access_block_port_id_ended_at_idx" ON "access_block"("port_id", "ended_at");

-- CreateIndex
CREATE INDEX "access_block_subject_ended_at_idx" ON "access_block"("subject", "ended_at");

-- CreateIndex
CREATE INDEX "access_use_port_id_day_idx" ON "access_use"("port_id", "day");

-- CreateIndex
CREATE INDEX "access_use_subject_day_idx" ON "access_use"("subject", "day");

-- CreateIndex
CREATE INDEX "access_use_hasura_id_day_idx" ON "access_use"("hasura_id", "day");

-- AddForeignKey
ALTER TABLE "owned_name" ADD CONSTRAINT "owned_name_external_role_id_fkey" FOREIGN KEY ("external_role_id") REFERENCES "external_role"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "owned_name" ADD CONSTRAINT "owned_name_combined_role_id_fkey" FOREIGN KEY ("combined_role_id") REFERENCES "combined_role"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grant" ADD CONSTRAINT "grant_external_role_id_fkey" FOREIGN KEY ("external_role_id") REFERENCES "external_role"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "external_role" ADD CONSTRAINT "external_role_hasura_id_fkey" FOREIGN KEY ("hasura_id") REFERENCES "hasura"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "external_role_field" ADD CONSTRAINT "external_role_field_external_role_id_fkey" FOREIGN KEY ("external_role_id") REFERENCES "external_role"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "access_block" ADD CONSTRAINT "access_block_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "access_block" ADD CONSTRAINT "access_block_operation_token_fkey" FOREIGN KEY ("operation_token") REFERENCES "operation"("token") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "access_use" ADD CONSTRAINT "access_use_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Written by hand: what Prisma's schema cannot say. No semicolon in a comment: the engine splits statements there.

-- A grant gives the role of a port or an external one, never both and never none.
ALTER TABLE "grant" ADD CONSTRAINT "grant_holder_check" CHECK (num_nonnulls("port_id", "external_role_id") = 1);

-- One live grant a port, subject and class, as before. With the end beside it, webhooks read grants from this index alone.
DROP INDEX "grant_live_key";
CREATE UNIQUE INDEX "grant_live_key" ON "grant"("port_id", "subject", "class") INCLUDE ("until")
  WHERE "ended_at" IS NULL;

-- The same for external roles.
CREATE UNIQUE INDEX "grant_external_live_key" ON "grant"("external_role_id", "subject", "class") INCLUDE ("until")
  WHERE "ended_at" IS NULL AND "external_role_id" IS NOT NULL;

-- Few grants are of external roles.
CREATE INDEX "grant_external_idx" ON "grant"("external_role_id", "ended_at") WHERE "external_role_id" IS NOT NULL;

-- A block on nothing in particular would be one on everything.
ALTER TABLE "access_block" ADD CONSTRAINT "access_block_target_check" CHECK (num_nonnulls("subject", "port_id") >= 1);

-- One row of use a day, port, subject and outcome, also where no port is known.
CREATE UNIQUE INDEX "access_use_key" ON "access_use"
  ("hasura_id", "day", (coalesce("port_id", '00000000-0000-0000-0000-000000000000'::uuid)), "subject", "outcome");

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "PortPhase" AS ENUM ('PENDING', 'ACTIVE', 'FAILED', 'REMOVED');

-- CreateEnum
CREATE TYPE "ConditionType" AS ENUM ('SYNCED', 'READY', 'ENFORCED');

-- CreateEnum
CREATE TYPE "ConditionStatus" AS ENUM ('TRUE', 'FALSE', 'UNKNOWN');

-- CreateEnum
CREATE TYPE "OperationKind" AS ENUM ('VALIDATE', 'PROVISION', 'UNPROVISION', 'UPDATE_ACL', 'REVERSE_PROVISION', 'RECONCILE');

-- CreateEnum
CREATE TYPE "OperationStatus" AS ENUM ('RUNNING', 'COMPLETED', 'FAILED');

-- CreateEnum
CREATE TYPE "LogLevel" AS ENUM ('DEBUG', 'INFO', 'WARNING', 'ERROR');

-- CreateEnum
CREATE TYPE "GrantClass" AS ENUM ('ACL', 'OWNER', 'MANUAL');

-- CreateEnum
CREATE TYPE "Namespace" AS ENUM ('ROOT_FIELD', 'TYPE', 'ROLE', 'SOURCE', 'TABLE');

-- CreateEnum
CREATE TYPE "ObjectKind" AS ENUM ('SOURCE', 'TABLE', 'SELECT_PERMISSION');

-- CreateTable
CREATE TABLE "hasura" (
    "id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "resource_version" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "hasura_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "output_port" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "component_key" TEXT NOT NULL,
    "component_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "domain" TEXT NOT NULL,
    "data_product_id" TEXT NOT NULL,
    "data_product_name" TEXT NOT NULL,
    "phase" "PortPhase" NOT NULL DEFAULT 'PENDING',
    "role" TEXT NOT NULL,
    "accepted_revision" INTEGER,
    "applied_revision" INTEGER,
    "public_info" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "output_port_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "revision" (
    "id" UUID NOT NULL,
    "port_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "spec" JSONB NOT NULL,
    "resolved" JSONB,
    "source_id" UUID,
    "descriptor" TEXT NOT NULL,
    "operation_token" UUID NOT NULL,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "applied_at" TIMESTAMPTZ(3),

    CONSTRAINT "revision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "condition" (
    "port_id" UUID NOT NULL,
    "type" "ConditionType" NOT NULL,
    "status" "ConditionStatus" NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "condition_pkey" PRIMARY KEY ("port_id","type")
);

-- CreateTable
CREATE TABLE "source" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "naming_mode" TEXT NOT NULL DEFAULT 'qualified',
    "database" TEXT NOT NULL,
    "connection_template" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "source_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "owned_name" (
    "hasura_id" TEXT NOT NULL,
    "namespace" "Namespace" NOT NULL,
    "name" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "port_id" UUID,
    "source_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "owned_name_pkey" PRIMARY KEY ("hasura_id","namespace","name")
);

-- CreateTable
CREATE TABLE "managed_object" (
    "hasura_id" TEXT NOT NULL,
    "kind" "ObjectKind" NOT NULL,
    "key" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "port_id" UUID,
    "source_id" UUID,
    "intended_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "confirmed_at" TIMESTAMPTZ(3),

    CONSTRAINT "managed_object_pkey" PRIMARY KEY ("hasura_id","kind","key")
);

-- CreateTable
CREATE TABLE "operation" (
    "token" UUID NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "port_id" UUID,
    "kind" "OperationKind" NOT NULL,
    "status" "OperationStatus" NOT NULL DEFAULT 'RUNNING',
    "code" TEXT,
    "fingerprint" TEXT NOT NULL,
    "revision" INTEGER,
    "request" JSONB NOT NULL,
    "result" TEXT NOT NULL DEFAULT '',
    "problems" JSONB NOT NULL DEFAULT '[]',
    "plan" JSONB,
    "info" JSONB,
    "actor" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "access_generation" BIGINT,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "operation_pkey" PRIMARY KEY ("token")
);

-- CreateTable
CREATE TABLE "operation_log" (
    "id" BIGSERIAL NOT NULL,
    "operation_token" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "level" "LogLevel" NOT NULL,
    "phase" TEXT,
    "message" TEXT NOT NULL,

    CONSTRAINT "operation_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "grant" (
    "id" UUID NOT NULL,
    "hasura_id" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "port_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "class" "GrantClass" NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "until" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "reason" TEXT,
    "actor" TEXT NOT NULL,
    "operation_token" UUID,
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "grant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "access_generation" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "generation" BIGINT NOT NULL DEFAULT 0,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "access_generation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "replica" (
    "id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "generation" BIGINT NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "replica_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "output_port_environment_component_key_idx" ON "output_port"("environment", "component_key");

-- CreateIndex
CREATE INDEX "output_port_environment_data_product_id_idx" ON "output_port"("environment", "data_product_id");

-- CreateIndex
CREATE UNIQUE INDEX "output_port_hasura_id_environment_component_key_key" ON "output_port"("hasura_id", "environment", "component_key");

-- CreateIndex
CREATE UNIQUE INDEX "revision_port_id_number_key" ON "revision"("port_id", "number");

-- CreateIndex
CREATE INDEX "source_hasura_id_environment_key_idx" ON "source"("hasura_id", "environment", "key");

-- CreateIndex
CREATE INDEX "owned_name_port_id_idx" ON "owned_name"("port_id");

-- CreateIndex
CREATE INDEX "owned_name_source_id_idx" ON "owned_name"("source_id");

-- CreateIndex
CREATE INDEX "managed_object_port_id_idx" ON "managed_object"("port_id");

-- CreateIndex
CREATE INDEX "managed_object_source_id_idx" ON "managed_object"("source_id");

-- CreateIndex
CREATE UNIQUE INDEX "operation_seq_key" ON "operation"("seq");

-- CreateIndex
CREATE INDEX "operation_port_id_seq_idx" ON "operation"("port_id", "seq");

-- CreateIndex
CREATE INDEX "operation_status_next_attempt_at_idx" ON "operation"("status", "next_attempt_at");

-- CreateIndex
CREATE INDEX "operation_log_operation_token_id_idx" ON "operation_log"("operation_token", "id");

-- CreateIndex
CREATE INDEX "grant_port_id_ended_at_idx" ON "grant"("port_id", "ended_at");

-- CreateIndex
CREATE INDEX "grant_subject_ended_at_idx" ON "grant"("subject", "ended_at");

-- AddForeignKey
ALTER TABLE "output_port" ADD CONSTRAINT "output_port_hasura_id_fkey" FOREIGN KEY ("hasura_id") REFERENCES "hasura"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revision" ADD CONSTRAINT "revision_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "revision" ADD CONSTRAINT "revision_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "condition" ADD CONSTRAINT "condition_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "source" ADD CONSTRAINT "source_hasura_id_fkey" FOREIGN KEY ("hasura_id") REFERENCES "hasura"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "owned_name" ADD CONSTRAINT "owned_name_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "owned_name" ADD CONSTRAINT "owned_name_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "managed_object" ADD CONSTRAINT "managed_object_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "managed_object" ADD CONSTRAINT "managed_object_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "source"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "operation" ADD CONSTRAINT "operation_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "operation_log" ADD CONSTRAINT "operation_log_operation_token_fkey" FOREIGN KEY ("operation_token") REFERENCES "operation"("token") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grant" ADD CONSTRAINT "grant_port_id_fkey" FOREIGN KEY ("port_id") REFERENCES "output_port"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "grant" ADD CONSTRAINT "grant_operation_token_fkey" FOREIGN KEY ("operation_token") REFERENCES "operation"("token") ON DELETE SET NULL ON UPDATE CASCADE;

-- Written by hand: what Prisma's schema cannot say. No semicolon in a comment: the engine splits statements there.

-- One live grant a port, subject and class. Ended ones are kept.
CREATE UNIQUE INDEX "grant_live_key" ON "grant"("port_id", "subject", "class") WHERE "ended_at" IS NULL;

-- One live source a key. Removed ones are kept for the revisions that name them.
CREATE UNIQUE INDEX "source_live_key" ON "source"("hasura_id", "environment", "key") WHERE "removed_at" IS NULL;

-- What the committer looks for, however long the history grows.
CREATE INDEX "operation_running_idx" ON "operation"("hasura_id", "seq") WHERE "status" = 'RUNNING';

-- The one row of access generations.
INSERT INTO "access_generation" ("id", "generation") VALUES (1, 0);

-- CreateTable
CREATE TABLE "group_binding" (
    "id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "bound_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "operation_token" UUID,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "group_binding_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "group_binding_subject_idx" ON "group_binding"("subject");

-- Written by hand: what Prisma's schema cannot say. No semicolon in a comment: the engine splits statements there.

-- One live binding a subject. Ended ones are kept.
CREATE UNIQUE INDEX "group_binding_live_key" ON "group_binding"("subject") WHERE "ended_at" IS NULL;

-- What a token's object ids are looked up by.
CREATE INDEX "group_binding_object_idx" ON "group_binding"("object_id") WHERE "ended_at" IS NULL;

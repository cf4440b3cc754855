package enum CommunicationModule {}
